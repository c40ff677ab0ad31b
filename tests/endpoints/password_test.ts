import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";

Deno.test("a password means the same bytes at both doors", async () => {
  const asked: string[] = [];
  const gateway = await startGateway({
    identity: {
      authenticate({ password }) {
        asked.push(password);
        return Promise.resolve({ kind: "accepted", subject: "ada", claims: {} });
      },
    },
  });
  try {
    const passwords = [
      "secret ",
      " secret",
      "\tsecret\n",
      "sécret\u00a0",
      "s\u200becret",
      "pass word",
    ];
    for (const password of passwords) {
      for (const path of ["/auth/login", "/api/token/"]) {
        for (const form of [true, false]) {
          const fields = { username: "ada", password };
          const answer = await fetch(gateway.url + path, {
            method: "POST",
            ...(form ? { body: new URLSearchParams(fields) } : {
              headers: { "content-type": "application/json" },
              body: JSON.stringify(fields),
            }),
          });
          assert.equal(answer.status, 200, `${path} ${JSON.stringify(password)}`);
          await answer.body?.cancel();
        }
      }
      assert.deepEqual(new Set(asked.splice(0)), new Set([password]));
    }
  } finally {
    await gateway.stop();
  }
});
