import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";

Deno.test("heads that are too large are refused with 431, and told of in the log", async () => {
  const gateway = await startGateway();
  try {
    const large = Object.fromEntries(
      Array.from({ length: 45 }, (_, index) => [`x-${index}`, "a".repeat(1024)]),
    );
    const many = Object.fromEntries(Array.from({ length: 105 }, (_, index) => [`x-${index}`, "a"]));
    for (const headers of [large, many]) {
      for (const path of ["/x", "/auth/session"]) {
        const answer = await fetch(gateway.url + path, { headers });
        assert.equal(answer.status, 431, path);
        assert.equal((await answer.json()).code, "headers_too_large");
      }
    }
    const denied = gateway.events.filter(({ event }) =>
      event.event === "denied" && event.code === "headers_too_large"
    );
    assert.equal(denied.length, 4);
  } finally {
    await gateway.stop();
  }
});
