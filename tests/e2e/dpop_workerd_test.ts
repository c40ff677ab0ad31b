/** A bound token of another issuer, in the real workerd. */
import assert from "node:assert/strict";
import * as DPoP from "dpop";
import { startUpstream } from "../support/upstream.ts";
import { workerdHarness } from "../support/workerd.ts";
import { startIssuer } from "../tokens/issuers/issuer_server.ts";

Deno.test({
  name: "workerd: another issuer's bound token opens a route with its key alone",
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
        dpop: {},
        issuers: { work: { issuer: issuer.issuer, types: ["at+jwt"], audience: "api" } },
        upstreams: { app: { targets: [upstream.url] } },
        routes: [{ path: "/*", upstream: "app", require: { deviceBound: true } }],
      },
      env: store.env,
    });
    try {
      const pair = await DPoP.generateKeyPair("ES256");
      const iat = Math.floor(Date.now() / 1000);
      const token = await issuer.sign({
        iss: issuer.issuer,
        sub: "ann",
        aud: "api",
        client_id: "cli",
        jti: crypto.randomUUID(),
        iat,
        exp: iat + 300,
        cnf: { jkt: await DPoP.calculateThumbprint(pair.publicKey) },
      });
      const url = `${gateway.url}/things`;
      const ask = async (by: DPoP.KeyPair | null, scheme: string, nonce?: string) => {
        const response = await fetch(url, {
          headers: {
            authorization: `${scheme} ${token}`,
            ...(by === null
              ? {}
              : { dpop: await DPoP.generateProof(by, url, "GET", nonce, token) }),
          },
        });
        await response.body?.cancel();
        return response;
      };
      assert.equal((await ask(null, "Bearer")).status, 401, "no downgrade");
      const asked = await ask(pair, "DPoP");
      assert.equal(asked.status, 401);
      assert.match(asked.headers.get("www-authenticate") ?? "", /error="use_dpop_nonce"/);
      const nonce = asked.headers.get("dpop-nonce") ?? "";
      assert.equal((await ask(pair, "DPoP", nonce)).status, 200);
      assert.equal((await ask(await DPoP.generateKeyPair("ES256"), "DPoP", nonce)).status, 401);
    } finally {
      await gateway.stop();
      await store.stop();
      await upstream.stop();
    }
  },
});
