/**
 * A change of keys on more than one instance: nobody is signed out by the one
 * that does not know the new key yet.
 */
import assert from "node:assert/strict";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { generateKeySet, importKeyRing } from "../../src/tokens/key_ring.ts";
import { startGateway } from "../support/gateway.ts";

const cookiesOf = (response: Response) =>
  response.headers.getSetCookie().map((line) => line.split(";", 1)[0]).join("; ");

Deno.test("an instance that does not know a key says so, and clears nothing", async () => {
  const [old, young] = await Promise.all([generateKeySet(), generateKeySet()]);
  const store = createMemoryStore();
  const issuer = "https://app.example.com";
  const config = { tokens: { issuer, audience: issuer } };
  const before = await startGateway({
    config,
    keys: await importKeyRing(JSON.stringify(old)),
    store,
  });
  const after = await startGateway({
    config,
    keys: await importKeyRing(JSON.stringify({ keys: [...young.keys, ...old.keys] })),
    store,
  });
  try {
    const signedIn = await fetch(`${after.url}/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "demo", password: "postern" }),
    });
    assert.equal(signedIn.status, 200);
    const { csrfToken } = await signedIn.json();
    const cookie = cookiesOf(signedIn);
    const ask = async (url: string, path: string, init: RequestInit = {}) => {
      const headers = { cookie, "x-csrf-token": csrfToken, ...init.headers };
      const response = await fetch(`${url}${path}`, { redirect: "manual", ...init, headers });
      const text = await response.text();
      return { response, code: text.startsWith("{") ? JSON.parse(text).code : undefined };
    };
    for (
      const [path, init] of [
        ["/auth/session", {}],
        ["/app", { headers: { accept: "text/html", "sec-fetch-mode": "navigate" } }],
        ["/auth/refresh", { method: "POST" }],
      ] as const
    ) {
      const { response, code } = await ask(before.url, path, init);
      assert.deepEqual([response.status, code], [401, "unknown_key"], path);
      assert.deepEqual(response.headers.getSetCookie(), [], path);
    }
    assert.equal((await ask(after.url, "/auth/session")).response.status, 200);
    assert.equal((await ask(after.url, "/auth/refresh", { method: "POST" })).response.status, 200);
  } finally {
    await before.stop();
    await after.stop();
  }
});
