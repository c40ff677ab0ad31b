/** A caller's token for one of an upstream's (RFC 8693): what is given, and what is not. */
import assert from "node:assert/strict";
import * as DPoP from "dpop";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import type { JSONWebKeySet } from "jose";
import type { IdentitySource } from "../../../src/identity/port.ts";
import { startGateway } from "../../support/gateway.ts";
import type { TestGateway } from "../../support/gateway.ts";
import { startIssuer } from "../../tokens/issuers/issuer_server.ts";
import type { IssuerServer } from "../../tokens/issuers/issuer_server.ts";

const SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef";
const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS = "urn:ietf:params:oauth:token-type:access_token";
const JWT = "urn:ietf:params:oauth:token-type:jwt";

type Fields = Record<string, string>;

interface Stand {
  readonly gateway: TestGateway;
  readonly issuer: IssuerServer;
  /** Asks by a client with a secret; what is set to "" is left out. */
  ask(fields: Fields, headers?: Fields, client?: string): Promise<Response>;
  /** The error of a refusal: status, code and description. */
  refusal(fields: Fields, headers?: Fields, client?: string): Promise<string>;
  access(username?: string, headers?: Fields): Promise<string>;
  foreign(claims?: Record<string, unknown>): Promise<string>;
  told(): unknown[];
}

const PEOPLE: Record<string, Record<string, string | { client_id: string }>> = {
  ada: { scope: "read write admin", team: "blue" },
  bob: { scope: "read" },
  named: { scope: "read", may_act: { client_id: "cli" } },
  helped: { scope: "read", may_act: { client_id: "agent" } },
};

const identity: IdentitySource = {
  authenticate: ({ username }) =>
    Promise.resolve({ kind: "accepted", subject: username, claims: PEOPLE[username] ?? {} }),
};

async function withStand(
  act: (stand: Stand) => Promise<void>,
  config: Record<string, unknown> = {},
): Promise<void> {
  await using issuer = await startIssuer();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(SECRET));
  const secretHash = `sha256:${new Uint8Array(digest).toHex()}`;
  const gateway = await startGateway({
    identity,
    config: {
      dpop: { nonce: false },
      issuers: {
        work: { issuer: issuer.issuer, jwks: issuer.jwks, types: ["at+jwt"], audience: "api" },
      },
      upstreams: {
        app: { targets: ["http://127.0.0.1:9"], assertion: true },
        bill: {
          targets: ["http://127.0.0.1:9"],
          assertion: { audience: "https://bill.example", ttl: "30s", alg: "EdDSA" },
        },
        dumb: { targets: ["http://127.0.0.1:9"] },
      },
      clients: {
        agent: { secretHash, exchange: { audience: ["app", "bill"], scope: ["read", "write"] } },
        narrow: { secretHash, scope: ["x"], exchange: { audience: ["bill"] } },
        plain: { secretHash, scope: ["x"] },
      },
      ...config,
    },
  });
  const ask: Stand["ask"] = (fields, headers = {}, client = "agent") => {
    const all = { grant_type: GRANT, audience: "app", subject_token_type: ACCESS, ...fields };
    return fetch(`${gateway.url}/auth/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${client}:${SECRET}`)}`, ...headers },
      body: new URLSearchParams(Object.entries(all).filter(([, value]) => value !== "")),
    });
  };
  try {
    await act({
      gateway,
      issuer,
      ask,
      async refusal(fields, headers, client) {
        const response = await ask(fields, headers, client);
        const { error, code, error_description: why } = await response.json();
        assert.equal(response.headers.get("cache-control"), "no-store");
        return `${response.status} ${error ?? code}${why === undefined ? "" : `: ${why}`}`;
      },
      async access(username = "ada", headers = {}) {
        const response = await fetch(`${gateway.url}/api/token/`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify({ username, password: "x" }),
        });
        assert.equal(response.status, 200);
        return (await response.json()).access;
      },
      foreign(claims = {}) {
        const iat = Math.floor(gateway.clock() / 1000);
        return issuer.sign({
          iss: issuer.issuer,
          aud: "api",
          sub: "eve",
          client_id: "cli",
          jti: crypto.randomUUID(),
          scope: "read other",
          iat,
          exp: iat + 300,
          ...claims,
        });
      },
      told: () => gateway.events.map(({ event }) => event),
    });
  } finally {
    await gateway.stop();
  }
}

/** What the upstream reads, as a backend verifies it: by the published keys. */
async function read(gateway: TestGateway, token: string, audience: string) {
  const jwks: JSONWebKeySet = await (await fetch(`${gateway.url}/.well-known/jwks.json`)).json();
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks), {
    issuer: gateway.url,
    audience,
    typ: "postern-assertion+jwt",
    currentDate: new Date(gateway.clock()),
  });
  return { payload, alg: protectedHeader.alg };
}

Deno.test("a caller's token becomes a short one for one upstream, with less scope and its actor", async () => {
  await withStand(async ({ gateway, ask, access, told }) => {
    const token = await access();
    const response = await ask({ subject_token: token, scope: "read" });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("cache-control"), "no-store");
    const body = await response.json();
    const { access_token: exchanged, ...rest } = body;
    assert.deepEqual(rest, {
      issued_token_type: ACCESS,
      token_type: "Bearer",
      expires_in: 60,
      scope: "read",
    });
    const { payload, alg } = await read(gateway, exchanged, "app");
    assert.equal(alg, "ES256");
    const { sid } = decodeJwt(token);
    assert.equal(payload.sub, "ada");
    assert.equal(payload["sid"], sid);
    assert.equal(payload["scope"], "read");
    assert.equal(payload["team"], "blue", "mapped claims come along, as in an assertion");
    assert.equal(payload["client_id"], "agent");
    assert.deepEqual(payload["act"], { sub: "client|agent" });
    assert.equal("grp" in payload || "cnf" in payload, false);
    assert.deepEqual(told().at(-1), {
      event: "token_exchanged",
      subject: "ada",
      sid,
      client: "agent",
      audience: "app",
      actingAs: "client|agent",
    });
    assert.ok(!JSON.stringify(told()).includes(exchanged));

    const all = await (await ask({ subject_token: token })).json();
    assert.equal(all.scope, "read write", "what both have, where nothing is asked for");
    const none = await (await ask({ subject_token: token, audience: "bill" }, {}, "narrow")).json();
    assert.equal(none.scope, "");
    const other = await (await ask({ subject_token: token, audience: "bill" })).json();
    assert.equal(other.expires_in, 30);
    assert.equal((await read(gateway, other.access_token, "https://bill.example")).alg, "EdDSA");
  });
});

Deno.test("what is given is useless at the gateway itself, and is exchanged no further", async () => {
  await withStand(async ({ gateway, ask, refusal, access }) => {
    const subject = await access();
    const { access_token: token } = await (await ask({ subject_token: subject })).json();
    for (
      const headers of [
        { authorization: `Bearer ${token}` },
        { authorization: `DPoP ${token}` },
        { cookie: `postern-access=${token}` },
      ] as Fields[]
    ) {
      for (const path of ["/x", "/auth/session"]) {
        const response = await fetch(gateway.url + path, { headers });
        await response.body?.cancel();
        assert.equal(response.status, 401, `${path} ${Object.keys(headers)}`);
      }
    }
    for (const field of ["verify", "refresh"]) {
      const response = await fetch(`${gateway.url}/api/token/${field}/`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ token, refresh: token }),
      });
      await response.body?.cancel();
      assert.equal(response.status, 401);
    }
    assert.match(await refusal({ subject_token: token }), /^400 invalid_request: .*not valid/);
    const cookies = { cookie: `postern-refresh=${token}` };
    const refresh = await fetch(`${gateway.url}/auth/refresh`, {
      method: "POST",
      headers: cookies,
    });
    assert.equal((await refresh.json()).code, "refresh_invalid");
  });
});

Deno.test("refusals: who asks, for whom, with what", async () => {
  await withStand(async ({ gateway, ask, refusal, access, foreign, told }) => {
    const subject_token = await access();
    const good = { subject_token };
    const cases: [string, Fields, Fields?, string?][] = [
      ["401 invalid_client", good, { authorization: "" }],
      ["401 invalid_client", good, { authorization: `Basic ${btoa(`agent:${SECRET}0`)}` }],
      ["401 invalid_client", good, {}, "nobody"],
      ["400 unauthorized_client", good, {}, "plain"],
      ["400 invalid_target", { ...good, audience: "dumb" }],
      ["400 invalid_target", { ...good, audience: "https://bill.example" }],
      ["400 invalid_target", { ...good, audience: "__proto__" }],
      ["400 invalid_target", good, {}, "narrow"],
      ["400 invalid_target", { ...good, resource: "https://app.example/" }],
      ["400 invalid_request", { ...good, audience: "" }],
      ["400 invalid_scope", { ...good, scope: "admin" }],
      ["400 invalid_scope", { ...good, scope: "read admin" }],
      ["400 invalid_scope", { ...good, scope: "read  write" }],
      ["400 invalid_scope", { subject_token: await access("bob"), scope: "write" }],
      ["400 invalid_scope", { subject_token: await foreign(), scope: "other" }],
      ["400 invalid_request", {}],
      ["400 invalid_request", { ...good, subject_token_type: "" }],
      ["400 invalid_request", { ...good, subject_token_type: "urn:x" }],
      ["400 invalid_request", {
        ...good,
        subject_token_type: "urn:ietf:params:oauth:token-type:refresh_token",
      }],
      ["400 invalid_request", {
        ...good,
        requested_token_type: "urn:ietf:params:oauth:token-type:id_token",
      }],
      ["400 invalid_request", { ...good, actor_token: "x" }],
      ["400 invalid_request", { ...good, actor_token: "x", actor_token_type: ACCESS }],
      ["400 invalid_request", { ...good, actor_token_type: ACCESS }],
      ["400 invalid_request", { subject_token: "x" }],
      ["400 invalid_request", { subject_token: `${subject_token}x` }],
      ["400 invalid_request", { subject_token: await foreign({ aud: "other" }) }],
      ["400 invalid_request", { ...good, grant_type: "" }],
      ["400 unsupported_grant_type", { ...good, grant_type: "password" }],
      ["400 unsupported_grant_type", { ...good, grant_type: "__proto__" }],
      ["400 unauthorized_client", { grant_type: "client_credentials" }],
    ];
    for (const [expected, fields, headers, client] of cases) {
      const got = await refusal(fields, headers, client);
      assert.ok(got.startsWith(expected), `${got} for ${JSON.stringify({ ...fields, client })}`);
    }
    const denied = told().filter((each) => (each as { event: string }).event === "exchange_denied");
    assert.ok(denied.length > 15);
    assert.ok(!JSON.stringify(denied).includes(subject_token.slice(-20)));

    const twice = await fetch(`${gateway.url}/auth/token`, {
      method: "POST",
      headers: {
        authorization: `Basic ${btoa(`agent:${SECRET}`)}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams([
        ["grant_type", GRANT],
        ["subject_token_type", ACCESS],
        ...[["subject_token", subject_token], ["audience", "app"], ["audience", "bill"]],
      ] as [string, string][]),
    });
    assert.equal((await twice.json()).error, "invalid_request", "a parameter twice");
    const self = await ask({ grant_type: "client_credentials" }, {}, "plain");
    assert.equal((await self.json()).scope, "x", "the other grant goes on beside it");
  });
});

Deno.test("it never lives longer than the token it came from, nor than the actor's", async () => {
  await withStand(async ({ gateway, ask, refusal, access, foreign }) => {
    const subject = await access();
    const { exp = 0 } = decodeJwt(subject);
    gateway.clock.advance((exp - 20) * 1000 - gateway.clock());
    const late = await (await ask({ subject_token: subject })).json();
    assert.equal(late.expires_in, 20);
    assert.equal(decodeJwt(late.access_token).exp, exp);

    const young = await access();
    const now = Math.floor(gateway.clock() / 1000);
    const actor = await foreign({ exp: now + 7 });
    const short = await (await ask({
      subject_token: young,
      actor_token: actor,
      actor_token_type: JWT,
      requested_token_type: JWT,
    })).json();
    assert.equal(short.expires_in, 7);
    assert.equal(short.issued_token_type, JWT);

    // Within the tolerance the gateway still takes it.
    gateway.clock.advance(21_000);
    const taken = await fetch(`${gateway.url}/auth/session`, {
      headers: { authorization: `Bearer ${subject}` },
    });
    assert.equal(taken.status, 200);
    await taken.body?.cancel();
    assert.match(await refusal({ subject_token: subject }), /expired/);
    gateway.clock.advance(60_000);
    assert.match(await refusal({ subject_token: subject }), /expired/);
  });
});

Deno.test("a session that has ended is exchanged no more, at once, also where another instance ended it", async () => {
  await withStand(async ({ gateway, ask, refusal, access, foreign }) => {
    const token = await access();
    const { sid } = decodeJwt(token) as { sid: string };
    assert.equal((await ask({ subject_token: token })).status, 200);
    // Past this instance's view, as another instance does.
    await gateway.store.revokeSession({ sid, denyForMs: 60_000, mustExist: true });
    assert.match(await refusal({ subject_token: token }), /^400 invalid_request: .*revoked/);

    const other = await foreign();
    assert.equal((await ask({ subject_token: other })).status, 200);
    await fetch(`${gateway.url}/auth/revoke`, {
      method: "POST",
      body: new URLSearchParams({ token: other }),
    });
    assert.match(await refusal({ subject_token: other }), /revoked/);
    const acting = { subject_token: await access(), actor_token: other, actor_token_type: ACCESS };
    assert.match(await refusal(acting), /actor_token has been revoked/);
    await gateway.store.close();
    assert.equal(await refusal({ subject_token: await foreign() }), "503 store_unavailable");
  });
});

Deno.test("who acts stands outermost, who acted before within; may_act decides who may", async () => {
  await withStand(async ({ gateway, issuer, ask, refusal, access, foreign }) => {
    const actOf = async (fields: Fields) => {
      const response = await ask(fields);
      const body = await response.json();
      assert.equal(response.status, 200, JSON.stringify(body));
      return decodeJwt(body.access_token)["act"];
    };
    const subject_token = await access();
    const bob = { actor_token: await access("bob"), actor_token_type: ACCESS };
    assert.deepEqual(await actOf({ subject_token, ...bob }), { sub: "bob" });
    const before = { sub: "robot", iat: 1, act: { sub: "first", iss: "https://else.example" } };
    assert.deepEqual(await actOf({ subject_token: await foreign({ act: before }) }), {
      sub: "client|agent",
      act: {
        sub: "robot",
        iss: issuer.issuer,
        act: { sub: "first", iss: "https://else.example" },
      },
    });
    let row: Record<string, unknown> = { sub: "first" };
    for (let each = 1; each < 7; each++) row = { sub: `${each}`, act: row };
    await actOf({ subject_token: await foreign({ act: row }) });
    for (const act of [{ sub: "8", act: row }, "bob", { sub: 1 }, ["x"], null]) {
      const text = await refusal({ subject_token: await foreign({ act }) });
      assert.match(text, /^400 invalid_request: .*actors/, JSON.stringify(act));
    }

    assert.deepEqual(await actOf({ subject_token: await access("helped") }), {
      sub: "client|agent",
    });
    const other = { subject_token: await access("helped"), ...bob };
    assert.match(await refusal(other), /^400 invalid_request: .*may_act/);
    const cli = { sub: "eve", iss: issuer.issuer };
    const eve = { actor_token: await foreign(), actor_token_type: JWT };
    for (const may_act of [cli, { sub: "eve" }, { client_id: "cli" }]) {
      const allowed = await foreign({ sub: "owner", may_act });
      assert.deepEqual(await actOf({ subject_token: allowed, ...eve }), { sub: "work|eve" });
    }
    // Of the same name, and another's: nobody takes a place by choosing a name elsewhere.
    const named = { subject_token: await access("named"), ...eve };
    assert.match(await refusal(named), /may_act/);
    const agent = { subject_token: await foreign({ may_act: { client_id: "agent" } }) };
    assert.match(await refusal(agent), /may_act/);
    for (
      const may_act of [
        {},
        "eve",
        { iss: issuer.issuer },
        { ...cli, iss: "https://else.example" },
        { ...cli, aud: "x" },
      ]
    ) {
      const fields = { subject_token: await foreign({ may_act }), ...eve };
      assert.match(await refusal(fields), /may_act/, JSON.stringify(may_act));
    }
    assert.equal(gateway.events.filter(({ event }) => event.event === "token_exchanged").length, 7);
  });
});

Deno.test("a token that is bound to a key is exchanged for one that is bound to it again", async () => {
  await withStand(async ({ gateway, ask, refusal, access, foreign, told }) => {
    const pair = await DPoP.generateKeyPair("ES256");
    const jkt = await DPoP.calculateThumbprint(pair.publicKey);
    const proof = async (path: string, by = pair) => ({
      dpop: await DPoP.generateProof(by, gateway.url + path, "POST"),
    });
    gateway.clock.advance(Date.now() - gateway.clock());
    const subject_token = await access("ada", await proof("/api/token/"));
    assert.match(await refusal({ subject_token }), /^400 invalid_request: .*prove it with DPoP/);
    const stranger = await DPoP.generateKeyPair("ES256");
    assert.match(
      await refusal({ subject_token }, await proof("/auth/token", stranger)),
      /^400 invalid_request: .*prove it/,
    );
    const elsewhere = await refusal({ subject_token }, await proof("/api/token/"));
    assert.match(elsewhere, /^400 invalid_dpop_proof: .*uri_mismatch/);
    const shown = await proof("/auth/token");
    const body = await (await ask({ subject_token }, shown)).json();
    assert.equal(body.token_type, "DPoP");
    assert.deepEqual(decodeJwt(body.access_token)["cnf"], { jkt });
    assert.match(await refusal({ subject_token }, shown), /replayed/);

    const theirs = await foreign({ cnf: { jkt } });
    assert.match(await refusal({ subject_token: theirs }), /prove it/);
    assert.equal((await ask({ subject_token: theirs }, await proof("/auth/token"))).status, 200);
    const certificate = await foreign({ cnf: { "x5t#S256": "x" } });
    assert.match(
      await refusal({ subject_token: certificate }, await proof("/auth/token")),
      /bound to a key/,
    );
    const acting = { subject_token: await access(), actor_token: theirs, actor_token_type: JWT };
    assert.match(await refusal(acting), /actor_token is bound to a key/);

    // A browser's session, bound since its token was minted.
    const open = await access("bob");
    const session = decodeJwt(open)["sid"] as string;
    assert.equal((await ask({ subject_token: open })).status, 200);
    assert.equal(await gateway.store.bind(session, { jkt, by: "script" }), "bound");
    const stolen = await refusal({ subject_token: open }, await proof("/auth/token"));
    assert.match(stolen, /^400 invalid_request: .*bound to a browser/);
    const failed = told().filter((each) => (each as { event: string }).event === "binding_failed");
    assert.ok(failed.length >= 5);
  });
});

Deno.test("without DPoP a foreign token that is bound to a key is not made one that needs none", async () => {
  await withStand(async ({ gateway, ask, refusal, foreign }) => {
    const bound = await foreign({ cnf: { jkt: "x" } });
    const bearer = await fetch(`${gateway.url}/auth/revoke`, { method: "POST" });
    await bearer.body?.cancel();
    assert.match(await refusal({ subject_token: bound }), /^400 invalid_request: .*bound to a key/);
    assert.equal((await ask({ subject_token: await foreign() })).status, 200);
  }, { dpop: undefined });
});

Deno.test("it is off until a client has it, and says so; a target has to exist and to read assertions", async () => {
  const secretHash = `sha256:${"0".repeat(64)}`;
  const start = async (clients: object, upstream: object = {}) => {
    const upstreams = { app: { targets: ["http://127.0.0.1:9"], ...upstream } };
    const gateway = await startGateway({ config: { clients, upstreams } });
    const url = `${gateway.url}/.well-known/oauth-authorization-server`;
    const { grant_types_supported: grants } = await (await fetch(url)).json();
    await gateway.stop();
    return grants;
  };
  assert.deepEqual(await start({ cron: { secretHash } }), ["client_credentials"]);
  const exchange = { audience: ["app"] };
  assert.deepEqual(await start({ cron: { secretHash, exchange } }, { assertion: true }), [
    "client_credentials",
    GRANT,
  ]);
  await assert.rejects(
    start({ cron: { secretHash, exchange } }),
    /clients\.cron\.exchange\.audience\[0\]: .*upstreams\.app\.assertion/,
  );
  await assert.rejects(
    start({ cron: { secretHash, exchange: { audience: ["gone"] } } }),
    /exchange\.audience\[0\]: there is no upstream "gone"; known: app/,
  );
});

Deno.test("where each session has to be bound, one that is not is exchanged for nothing", async () => {
  await withStand(async ({ ask, access, refusal, gateway, foreign }) => {
    const unbound = await access();
    const early = await ask({ subject_token: unbound });
    await early.body?.cancel();
    assert.equal(early.status, 200, "as on routes, there is a minute");
    gateway.clock.advance(61_000);
    assert.match(
      await refusal({ subject_token: unbound }),
      /^400 invalid_request: .*bound to no key/,
    );
    const other = await ask({ subject_token: await foreign() });
    await other.body?.cancel();
    assert.equal(other.status, 200, "behind another issuer's token there is no session to bind");
  }, { deviceBinding: "require" });
});
