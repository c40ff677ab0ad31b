/** Token exchange (RFC 8693) in a process of its own and in workerd, with oauth4webapi as client. */
import assert from "node:assert/strict";
import { generateProof } from "dpop";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import { PEOPLE, startBackend } from "../support/backend.ts";
import { denoHarness } from "../support/gateway_process.ts";
import type { GatewayHarness } from "../support/gateway_process.ts";
import { workerdHarness } from "../support/workerd.ts";

const SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef";
const ACCESS = "urn:ietf:params:oauth:token-type:access_token";

async function exchanges(harness: GatewayHarness): Promise<void> {
  const backend = startBackend();
  const store = await harness.store();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(SECRET));
  const gateway = await harness.start({
    config: {
      identity: {
        kind: "upstream",
        url: `${backend.url}/login`,
        subject: "/user/id",
        claims: { scope: "/user/permissions" },
      },
      store: store.config,
      dpop: {},
      clients: {
        agent: {
          secretHash: `sha256:${new Uint8Array(digest).toHex()}`,
          exchange: { audience: ["app"], scope: ["read"] },
        },
      },
      upstreams: { app: { targets: [backend.url], assertion: true } },
      routes: [{ path: "/*", upstream: "app" }],
    },
    env: store.env,
  });
  try {
    const options = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(gateway.url);
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { ...options, algorithm: "oauth2" }),
    );
    const client: oauth.Client = { client_id: "agent" };
    const exchange = async (subject_token: string, more: object = {}) => {
      const response = await oauth.genericTokenEndpointRequest(
        server,
        client,
        oauth.ClientSecretBasic(SECRET),
        "urn:ietf:params:oauth:grant-type:token-exchange",
        { subject_token, subject_token_type: ACCESS, audience: "app" },
        { ...options, ...more },
      );
      return await oauth.processGenericTokenEndpointResponse(server, client, response);
    };
    const signIn = (proof?: string) => {
      const { password } = PEOPLE.ada;
      return fetch(`${gateway.url}/api/token/`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(proof && { dpop: proof }) },
        body: JSON.stringify({ username: "ada", password }),
      });
    };
    const verified = async (token: string) =>
      (await jwtVerify(token, createRemoteJWKSet(new URL(server.jwks_uri ?? "")), {
        issuer: gateway.url,
        audience: "app",
      })).payload;

    const { access } = await (await signIn()).json();
    const given = await exchange(access);
    assert.equal(given["issued_token_type"], ACCESS);
    assert.equal(given.token_type, "bearer");
    const said = await verified(given.access_token);
    assert.equal(said["scope"], "read", "ada's admin stays behind");
    assert.deepEqual([said.sub, said["act"]], ["u-1", { sub: "client|agent" }]);
    const here = await fetch(`${gateway.url}/things`, {
      headers: { authorization: `Bearer ${given.access_token}` },
    });
    assert.equal(here.status, 401);
    await here.body?.cancel();

    // Bound to a key: the library proves it, and brings the nonce that it is asked for.
    const pair = await oauth.generateKeyPair("ES256");
    const prove = (nonce?: string) =>
      generateProof(pair, `${gateway.url}/api/token/`, "POST", nonce);
    const asked = await signIn(await prove());
    await asked.body?.cancel();
    const nonce = asked.headers.get("dpop-nonce") ?? "";
    const { access: bound } = await (await signIn(await prove(nonce))).json();
    const handle = oauth.DPoP(client, pair);
    await assert.rejects(exchange(bound), { error: "invalid_request" });
    const again = await exchange(bound, { DPoP: handle })
      .catch((error) => {
        assert.ok(oauth.isDPoPNonceError(error));
        return exchange(bound, { DPoP: handle });
      });
    assert.equal(again.token_type, "dpop");
    const cnf = (await verified(again.access_token))["cnf"] as { jkt: string };
    assert.equal(cnf.jkt, await handle.calculateThumbprint());
  } finally {
    await gateway.stop();
    await store.stop();
    await backend.stop();
  }
}

for (const harness of [denoHarness, workerdHarness]) {
  Deno.test({
    name: `${harness.name}: an OAuth client exchanges a caller's token for an upstream's`,
    // Connections are kept for the next request: no leak.
    sanitizeResources: false,
    sanitizeOps: false,
    fn: () => exchanges(harness),
  });
}
