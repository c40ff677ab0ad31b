import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.ts";

const BOTH = ["/auth/login", "/api/token/"] as const;

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

Deno.test("claims that do not fit are told at sign-in, and leave no session behind", async () => {
  let size = 0;
  const gateway = await startGateway({
    identity: {
      authenticate: () =>
        Promise.resolve({ kind: "accepted", subject: "ada", claims: { note: "x".repeat(size) } }),
    },
  });
  const body = JSON.stringify({ username: "ada", password: "x" });
  const json = { "content-type": "application/json" };
  const ask = (path: string, headers: Record<string, string> = json, form = body) =>
    fetch(gateway.url + path, { method: "POST", headers, body: form, redirect: "manual" });
  try {
    // Beyond a cookie; then beyond what is taken as a Bearer token.
    for (
      const [length, paths] of [[3_000, ["/auth/login"]], [7_000, BOTH], [60_000, BOTH]] as const
    ) {
      size = length;
      for (const path of paths) {
        const answer = await ask(path);
        assert.equal(answer.status, 500, `${path} ${length}`);
        const problem = await answer.json();
        assert.equal(problem.code, "claims_too_large");
        assert.match(problem.detail, /map fewer or shorter claims/);
        assert.deepEqual(answer.headers.getSetCookie(), []);
      }
      const page = await ask("/auth/login", {
        "content-type": "application/x-www-form-urlencoded",
        accept: "text/html",
      }, "username=ada&password=x");
      assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
      await page.body?.cancel();
    }
    // Whatever is handed out opens the door.
    size = 3_000;
    const { access } = await (await ask("/api/token/")).json();
    const session = await fetch(`${gateway.url}/auth/sessions`, {
      headers: { authorization: `Bearer ${access}` },
    });
    assert.equal((await session.json()).sessions.length, 1);
  } finally {
    await gateway.stop();
  }
});
