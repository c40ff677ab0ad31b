/** Access tokens of a certified provider (`oidc-provider`), and an independent client for ours. */
import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { startGateway } from "../support/gateway.ts";
import { startOidcProvider } from "../support/oidc_provider.ts";
import { startUpstream } from "../support/upstream.ts";

const API = "https://api.example.com";

Deno.test("a machine's at+jwt of a real provider, found by discovery, opens a route", async () => {
  const provider = await startOidcProvider({
    clients: [{
      client_id: "robot",
      client_secret: "a secret of the tests, long enough",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    }],
    configuration: {
      scopes: ["openid", "read", "write"],
      features: {
        devInteractions: { enabled: true },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => API,
          getResourceServerInfo: () => ({
            scope: "read write",
            audience: API,
            accessTokenFormat: "jwt",
            accessTokenTTL: 600,
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
    },
  });
  const upstream = startUpstream();
  const gateway = await startGateway({
    config: {
      upstreams: { app: { targets: [upstream.url] } },
      issuers: { work: { issuer: provider.issuer, types: ["at+jwt"], audience: API } },
    },
  });
  try {
    const answer = await fetch(`${provider.issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa("robot:a+secret+of+the+tests%2C+long+enough")}` },
      body: new URLSearchParams({ grant_type: "client_credentials", resource: API, scope: "read" }),
    });
    const { access_token: token } = await answer.json();
    const response = await fetch(`${gateway.url}/x`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await response.body?.cancel();
    assert.equal(response.status, 200);
    const seen = upstream.seen.at(-1)?.headers;
    assert.equal(seen?.get("x-auth-subject"), "work|robot");
    assert.equal(seen?.get("x-auth-actor"), "client");
    assert.equal(seen?.get("x-auth-scope"), "read");
    assert.equal(provider.asked.get("/jwks"), 1);
  } finally {
    await gateway.stop();
    await upstream.stop();
    await provider.stop();
  }
});

Deno.test("a certified client library finds our token endpoint, and gets and ends a token", async () => {
  const upstream = startUpstream();
  const secret = "0123456789abcdef0123456789abcdef";
  const hash = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)),
  ).toHex();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: { clients: { cron: { secretHash: `sha256:${hash}`, scope: ["read"] } } },
  });
  const insecure = { [oauth.allowInsecureRequests]: true };
  try {
    const resource = new URL(`${gateway.url}/mcp`);
    const metadata = await oauth.processResourceDiscoveryResponse(
      resource,
      await oauth.resourceDiscoveryRequest(resource, insecure),
    );
    const issuer = new URL(metadata.authorization_servers?.[0] ?? "");
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { ...insecure, algorithm: "oauth2" }),
    );
    const client = { client_id: "cron" };
    const auth = oauth.ClientSecretBasic(secret);
    const granted = await oauth.processClientCredentialsResponse(
      server,
      client,
      await oauth.clientCredentialsGrantRequest(server, client, auth, {}, insecure),
    );
    assert.equal(granted.token_type, "bearer");
    const ask = async () => {
      const response = await fetch(resource, {
        headers: { authorization: `Bearer ${granted.access_token}` },
      });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await ask(), 200);
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, client, auth, granted.access_token, insecure),
    );
    assert.equal(await ask(), 401);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});
