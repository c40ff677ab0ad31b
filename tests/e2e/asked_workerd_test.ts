/** Tokens that others signed, and forward-auth, in the real workerd. */
import assert from "node:assert/strict";
import { startUpstream } from "../support/upstream.ts";
import { workerdHarness } from "../support/workerd.ts";
import { ask, DIALECTS, send } from "../endpoints/verify/ask.ts";
import { startIssuer } from "../tokens/issuers/issuer_server.ts";
import { generateKeySet } from "../../src/tokens/key_ring.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

Deno.test({
  name: "workerd: another issuer's token opens a route, and proxies ask with the secret",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const upstream = startUpstream();
    const store = await workerdHarness.store();
    await using issuer = await startIssuer();
    const gateway = await workerdHarness.start({
      config: {
        identity: { kind: "upstream", url: `${upstream.url}/login`, subject: "/id" },
        store: store.config,
        issuers: { work: { issuer: issuer.issuer, types: ["at+jwt"], audience: "api" } },
        verify: { secret: { env: "VERIFY_SECRET" } },
        upstreams: { app: { targets: [upstream.url] } },
        routes: [
          { path: "/public/*", upstream: "app", auth: "none" },
          { path: "/*", upstream: "app" },
        ],
      },
      env: {
        ...store.env,
        POSTERN_KEYS: JSON.stringify(await generateKeySet()),
        VERIFY_SECRET: SECRET,
      },
    });
    try {
      const iat = Math.floor(Date.now() / 1000);
      const token = await issuer.sign({
        iss: issuer.issuer,
        aud: "api",
        sub: "alice",
        client_id: "spa",
        iat,
        exp: iat + 600,
      });
      const authorization = `Authorization: Bearer ${token}`;
      const answers = await Promise.all(Array.from({ length: 10 }, async () => {
        const response = await fetch(`${gateway.url}/x`, {
          headers: { authorization: `Bearer ${token}` },
        });
        await response.body?.cancel();
        return response.status;
      }));
      assert.deepEqual(new Set(answers), new Set([200]));
      assert.equal(upstream.seen.at(-1)?.headers.get("x-auth-subject"), "work|alice");
      assert.ok(issuer.asked.length <= 3, issuer.asked.join());

      const { port, host } = new URL(gateway.url);
      const secret = [`X-Verify-Secret: ${SECRET}`];
      for (const dialect of DIALECTS) {
        const request = { method: "GET", target: "/x", host, headers: [authorization] };
        const known = await ask(Number(port), dialect, request, secret);
        assert.equal(known.status, 200, `${dialect}: ${known.text}`);
        assert.equal(known.headers.get("x-auth-subject"), "work|alice");
        assert.equal(known.headers.get("x-auth-actor"), "user");
        const anonymous = await ask(Number(port), dialect, { ...request, headers: [] }, secret);
        assert.equal(anonymous.status, 401);
        assert.equal((await ask(Number(port), dialect, request)).status, 403);
      }
      // The runtime resolves dot segments: the question must not become a request.
      const before = upstream.seen.length;
      for (
        const path of [
          "/../../../public/x",
          "/../../../../public/x",
          "/%2e%2e/%2e%2e/%2e%2e/public/x",
        ]
      ) {
        const led = await send(Number(port), {
          method: "GET",
          target: `/auth/verify/ext-authz${path}`,
          host,
          headers: secret,
        });
        assert.ok(led.status >= 400, `${path}: ${led.status}`);
      }
      assert.equal(upstream.seen.length, before);
    } finally {
      await gateway.stop();
      await store.stop();
      await upstream.stop();
    }
  },
});
