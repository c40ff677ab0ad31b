import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";
import { rawExchange } from "../support/raw_http.ts";
import { startUpstream } from "../support/upstream.ts";

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

Deno.test("a body in a transfer coding that nobody undoes goes no further", async () => {
  const upstream = startUpstream(() => new Response("ok"));
  const gateway = await startGateway({
    upstream: upstream.url,
    config: { routes: [{ path: "/*", upstream: "app", auth: "none" }] },
  });
  try {
    const { port } = new URL(gateway.url);
    const post = (coding: string, path = "/x") =>
      rawExchange(
        Number(port),
        `POST ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n` +
          `Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`,
      );
    for (const coding of ["gzip, chunked", "deflate,chunked"]) {
      for (const path of ["/x", "/auth/login"]) {
        const answer = await post(coding, path);
        assert.equal(answer.status, 501, coding);
        assert.match(answer.text, /"code":"not_implemented"/);
      }
    }
    assert.equal(upstream.seen.length, 0);
    for (const coding of ["chunked", "Chunked"]) assert.equal((await post(coding)).status, 200);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});
