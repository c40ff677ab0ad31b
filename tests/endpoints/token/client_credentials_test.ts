/** Tokens for programs: client credentials, what they open, and how they end. */
import assert from "node:assert/strict";
import { SignJWT } from "jose";
import { createAuthenticateMachine } from "../../../src/endpoints/token/machine_clients.ts";
import { createTestClock } from "../../support/clock.ts";
import { startGateway } from "../../support/gateway.ts";
import type { TestGateway } from "../../support/gateway.ts";
import { startUpstream } from "../../support/upstream.ts";
import type { RecordingUpstream } from "../../support/upstream.ts";
import { createKey } from "../../tokens/issuers/issuer_server.ts";
import type { IssuerKey } from "../../tokens/issuers/issuer_server.ts";

const SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef";
const INTROSPECTION = "introspection-secret-of-some-length";

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256:${new Uint8Array(digest).toHex()}`;
}

interface Stand {
  readonly gateway: TestGateway;
  readonly upstream: RecordingUpstream;
  readonly key: IssuerKey;
  ask(fields: Record<string, string>, headers?: Record<string, string>): Promise<Response>;
  token(fields?: Record<string, string>): Promise<string>;
}

async function withStand(act: (stand: Stand) => Promise<void>): Promise<void> {
  const upstream = startUpstream();
  const key = await createKey("robot-1", "ES256");
  const gateway = await startGateway({
    upstream: upstream.url,
    secrets: () => INTROSPECTION,
    config: {
      clients: {
        cron: { secretHash: await hashOf(SECRET), scope: ["read", "write"] },
        robot: { jwks: { keys: [key.jwk] }, scope: ["admin"] },
        short: { secretHash: await hashOf("short"), scope: [] },
      },
      introspection: { clients: { api: { secret: { env: "X" } } } },
    },
  });
  const ask: Stand["ask"] = (fields, headers = {}) =>
    fetch(`${gateway.url}/auth/token`, {
      method: "POST",
      headers,
      body: new URLSearchParams({ grant_type: "client_credentials", ...fields }),
    });
  try {
    await act({
      gateway,
      upstream,
      key,
      ask,
      async token(fields = {}) {
        const response = await ask({ client_id: "cron", client_secret: SECRET, ...fields });
        const body = await response.json();
        assert.equal(response.status, 200, JSON.stringify(body));
        return body.access_token;
      },
    });
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

Deno.test("a program gets a token by its secret, and reaches the upstream by its name", async () => {
  await withStand(async ({ ask, gateway, upstream }) => {
    for (
      const [fields, headers] of [
        [{ client_id: "cron", client_secret: SECRET }, {}],
        [{}, { authorization: `Basic ${btoa(`cron:${SECRET}`)}` }],
      ] as const
    ) {
      const response = await ask({ ...fields }, headers);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("cache-control"), "no-store");
      const body = await response.json();
      assert.equal(body.token_type, "Bearer");
      assert.equal(body.expires_in, 1_800);
      assert.equal(body.scope, "read write");
      const answer = await fetch(`${gateway.url}/x`, {
        headers: { authorization: `Bearer ${body.access_token}` },
      });
      await answer.body?.cancel();
      assert.equal(answer.status, 200);
      const seen = upstream.seen.at(-1)?.headers;
      assert.equal(seen?.get("x-auth-subject"), "client|cron");
      assert.equal(seen?.get("x-auth-actor"), "client");
      assert.equal(seen?.get("x-auth-client"), "cron");
      assert.equal(seen?.get("authorization"), null);
    }
  });
});

Deno.test("scopes: what was asked for, never more than the configuration gives", async () => {
  await withStand(async ({ ask, token, gateway }) => {
    const credential = { client_id: "cron", client_secret: SECRET };
    assert.equal((await (await ask({ ...credential, scope: "read" })).json()).scope, "read");
    for (const scope of ["admin", "read admin", "read  write"]) {
      const response = await ask({ ...credential, scope });
      assert.equal(response.status, 400);
      assert.equal((await response.json()).error, "invalid_scope");
    }
    const admin = await fetch(`${gateway.url}/admin/x`, {
      headers: { authorization: `Bearer ${await token()}` },
    });
    await admin.body?.cancel();
    assert.equal(admin.status, 403);
  });
});

Deno.test("wrong credentials, and everything that is not one way alone, are refused", async () => {
  await withStand(async ({ ask }) => {
    const good = { client_id: "cron", client_secret: SECRET };
    const bad: [Record<string, string>, Record<string, string>][] = [
      [{}, {}],
      [{ client_id: "cron" }, {}],
      [{ client_id: "cron", client_secret: `${SECRET}0` }, {}],
      [{ client_id: "robot", client_secret: SECRET }, {}],
      [{ client_id: "nobody", client_secret: SECRET }, {}],
      [{ client_id: "__proto__", client_secret: SECRET }, {}],
      [{ client_id: "short", client_secret: "short" }, {}],
      [good, { authorization: `Basic ${btoa(`cron:${SECRET}`)}` }],
      [{}, { authorization: "Basic %%%" }],
      [{}, { authorization: `Bearer ${SECRET}` }],
    ];
    for (const [fields, headers] of bad) {
      const response = await ask(fields, headers);
      assert.equal(response.status, 401, JSON.stringify(fields));
      assert.equal((await response.json()).error, "invalid_client");
      assert.match(response.headers.get("www-authenticate") ?? "", /^Basic/);
    }
    const grant = await ask({ ...good, grant_type: "password" });
    assert.equal((await grant.json()).error, "unsupported_grant_type");
  });
});

Deno.test("private_key_jwt: once, for us, by the client's own key, and not for long", async () => {
  await withStand(async ({ ask, key, gateway }) => {
    const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    const sign = (more: Record<string, unknown> = {}, by = key, header = {}) => {
      const now = Math.floor(gateway.clock() / 1000);
      const claims = {
        iss: "robot",
        sub: "robot",
        aud: `${gateway.url}/auth/token`,
        exp: now + 60,
        jti: crypto.randomUUID(),
        ...more,
      };
      return new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: by.kid, ...header })
        .sign(by.privateKey);
    };
    const show = (assertion: string, more: Record<string, string> = {}) =>
      ask({ client_assertion_type: type, client_assertion: assertion, ...more });
    const good = await sign();
    assert.equal((await show(good)).status, 200);
    assert.equal((await show(good)).status, 401, "a second time");
    assert.equal((await show(await sign({ aud: gateway.url }))).status, 200);
    const now = Math.floor(gateway.clock() / 1000);
    const stranger = await createKey("robot-1", "ES256");
    const bad = [
      await sign({ aud: "https://other.example" }),
      await sign({ aud: undefined }),
      await sign({ sub: "cron" }),
      await sign({ iss: "cron", sub: "cron" }),
      await sign({ exp: now - 10 }),
      await sign({ exp: now + 3_600 }),
      await sign({ exp: undefined }),
      await sign({ jti: undefined }),
      await sign({ nbf: now + 60 }),
      await sign({}, stranger),
      "a.b.c",
      "",
    ];
    for (const [index, assertion] of bad.entries()) {
      assert.equal((await show(assertion)).status, 401, `${index}`);
    }
    const both = await show(await sign(), { client_secret: SECRET });
    assert.equal(both.status, 401);
    const other = await show(await sign(), { client_id: "cron" });
    assert.equal(other.status, 401);
  });
});

Deno.test("a program that floods us with assertions shuts out nobody but itself", async () => {
  const keys = { busy: await createKey("b", "ES256"), quiet: await createKey("q", "ES256") };
  const clock = createTestClock();
  const authenticate = createAuthenticateMachine({
    machines: Object.entries(keys).map(([id, { jwk }]) => ({
      id,
      secretSha256: null,
      jwks: JSON.parse(JSON.stringify({ keys: [jwk] })),
      scope: [],
      exchange: null,
    })),
    audiences: ["us"],
    clock,
    clockToleranceSeconds: 5,
    maxRemembered: 5,
  });
  async function shows(id: keyof typeof keys, seconds: number): Promise<boolean> {
    const exp = Math.floor(clock() / 1000) + seconds;
    const jti = crypto.randomUUID();
    const assertion = await new SignJWT({ iss: id, sub: id, aud: "us", exp, jti })
      .setProtectedHeader({ alg: "ES256", kid: keys[id].kid })
      .sign(keys[id].privateKey);
    const fields = {
      client_assertion: assertion,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    };
    return await authenticate(null, fields, () => {}) !== null;
  }
  for (let index = 0; index < 12; index++) await shows("busy", 300);
  assert.equal(await shows("busy", 60), false, "as old as what had to be forgotten");
  assert.equal(await shows("quiet", 60), true);
});

Deno.test("its token is introspected, ends by revocation, and is none of our own", async () => {
  await withStand(async ({ token, gateway }) => {
    const access = await token();
    const post = (path: string, fields: Record<string, string>, headers = {}) =>
      fetch(gateway.url + path, { method: "POST", headers, body: new URLSearchParams(fields) });
    const introspect = async () =>
      await (await post("/auth/introspect", { token: access }, {
        authorization: `Basic ${btoa(`api:${INTROSPECTION}`)}`,
      })).json();
    const said = await introspect();
    assert.equal(said.active, true);
    assert.equal(said.client_id, "cron");
    assert.equal(said.sub, "client|cron");
    assert.equal("sid" in said, false);
    const session = await fetch(`${gateway.url}/auth/session`, {
      headers: { authorization: `Bearer ${access}` },
    });
    assert.equal(session.status, 401);
    await session.body?.cancel();
    assert.equal((await post("/auth/revoke", { token: access })).status, 200);
    assert.deepEqual(await introspect(), { active: false });
    const after = await fetch(`${gateway.url}/x`, {
      headers: { authorization: `Bearer ${access}` },
    });
    assert.equal((await after.json()).code, "session_revoked");
  });
});

Deno.test("a client that knows nothing finds its way: challenge, resource, server, token endpoint", async () => {
  await withStand(async ({ gateway }) => {
    const refused = await fetch(`${gateway.url}/mcp`);
    await refused.body?.cancel();
    const challenge = refused.headers.get("www-authenticate") ?? "";
    const [, metadata = ""] = /resource_metadata="([^"]+)"/.exec(challenge) ?? [];
    assert.equal(metadata, `${gateway.url}/.well-known/oauth-protected-resource/mcp`);
    const resource = await (await fetch(metadata)).json();
    assert.equal(resource.resource, `${gateway.url}/mcp`);
    assert.deepEqual(resource.authorization_servers, [gateway.url]);
    assert.deepEqual(resource.scopes_supported, ["admin"]);
    const server = await (await fetch(
      `${resource.authorization_servers[0]}/.well-known/oauth-authorization-server`,
    )).json();
    assert.equal(server.issuer, gateway.url);
    assert.equal(server.token_endpoint, `${gateway.url}/auth/token`);
    const root = await (await fetch(`${gateway.url}/.well-known/oauth-protected-resource`)).json();
    assert.equal(root.resource, gateway.url);
  });
});

Deno.test("without clients and issuers nothing of this is there", async () => {
  const upstream = startUpstream();
  const gateway = await startGateway({ upstream: upstream.url });
  try {
    const token = await fetch(`${gateway.url}/auth/token`, { method: "POST" });
    await token.body?.cancel();
    assert.equal(token.status, 404);
    const refused = await fetch(`${gateway.url}/x`);
    await refused.body?.cancel();
    assert.equal(refused.headers.get("www-authenticate"), 'Bearer realm="postern"');
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});
