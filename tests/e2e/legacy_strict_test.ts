/**
 * Tokens from before Postern where the store is asked each time: "sign out
 * everywhere" covers them, though no record of theirs is anywhere.
 */
import { sign } from "hono/jwt";
import assert from "node:assert/strict";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { startGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

const KEY = "the signing key of the shop, 32 bytes or more";

Deno.test("strict routes and introspection refuse legacy tokens after sign-out everywhere, at once", async () => {
  const upstream = startUpstream();
  const store = createMemoryStore();
  const issuer = "https://app.example.com";
  const options = {
    legacyKey: KEY,
    secrets: () => "a secret of at least thirty-two bytes",
    store,
    config: {
      tokens: {
        issuer,
        audience: issuer,
        subjectClaim: "user_id",
        legacy: { alg: "HS256", userIdClaim: "user_id" },
      },
      // Another instance learns of it only by asking.
      revocation: { pollInterval: "30s", maxStaleness: "60s" },
      introspection: { clients: { shop: { secret: { env: "SHOP" } } } },
      upstreams: { app: { targets: [upstream.url] } },
      routes: [
        { path: "/strict/*", upstream: "app", revocation: "strict" },
        { path: "/*", upstream: "app" },
      ],
    },
  };
  const here = await startGateway(options);
  const there = await startGateway(options);
  try {
    const now = Math.floor(Date.now() / 1000);
    const common = { iat: now - 60, exp: now + 3_600, user_id: "demo" };
    const access = await sign({ ...common, token_type: "access", jti: "old-access" }, KEY);
    const refresh = await sign({ ...common, token_type: "refresh", jti: "old-refresh" }, KEY);
    const bearer = { authorization: `Bearer ${access}` };
    const use = async (url: string, path: string) => {
      const response = await fetch(`${url}${path}`, { headers: bearer });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await use(there.url, "/strict/x"), 200);
    const everywhere = await fetch(`${here.url}/auth/logout/all`, {
      method: "POST",
      headers: bearer,
    });
    assert.equal(everywhere.status, 204, await everywhere.text());
    assert.equal(await use(here.url, "/x"), 401, "where it was said");
    assert.equal(await use(there.url, "/strict/x"), 401, "where the store is asked");
    const again = await fetch(`${there.url}/api/token/refresh/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refresh }),
    });
    assert.equal(again.status, 401, "no family begins with it any more");
    await again.body?.cancel();
    const introspected = await fetch(`${there.url}/auth/introspect`, {
      method: "POST",
      headers: {
        authorization: `Basic ${btoa("shop:a secret of at least thirty-two bytes")}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams({ token: access }),
    });
    assert.equal(introspected.status, 200);
    assert.equal((await introspected.json()).active, false);
  } finally {
    await here.stop();
    await there.stop();
    await upstream.stop();
  }
});
