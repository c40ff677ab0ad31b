/** Access tokens that others signed: whose are taken, and what of them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createGetJson } from "../../../src/outbound/get_json.ts";
import { createGroupNames } from "../../../src/tokens/groups.ts";
import type { VerifiedForeign } from "../../../src/tokens/issuers/claims.ts";
import { createIssuers } from "../../../src/tokens/issuers/issuers.ts";
import type { IssuerOptions } from "../../../src/tokens/issuers/options.ts";
import { createTestClock } from "../../support/clock.ts";
import { createKey, encode, signRaw, startIssuer } from "./issuer_server.ts";
import type { IssuerServer } from "./issuer_server.ts";

const waitUntil = () => {};
const NOW = () => Math.floor(Date.now() / 1000);

function optionsFor(issuer: IssuerServer, more: Partial<IssuerOptions> = {}): IssuerOptions {
  return {
    name: "work",
    issuer: issuer.issuer,
    jwks: issuer.jwks,
    algorithms: ["ES256", "RS256", "EdDSA", "PS256"],
    types: ["at+jwt"],
    audience: ["https://api.example.com"],
    clients: null,
    clientClaims: ["azp", "client_id"],
    claimEquals: {},
    subject: "/sub",
    scope: ["/scope", "/scp", "/permissions"],
    claims: {},
    actor: "detect",
    clockToleranceSeconds: 5,
    maxLifetimeSeconds: 86_400,
    ...more,
  };
}

function createVerify(...options: readonly IssuerOptions[]) {
  const clock = createTestClock();
  const issuers = createIssuers(options, {
    clock,
    nameGroup: createGroupNames("https://postern.example"),
    provesKeys: true,
    getJson: createGetJson({ timeoutMs: 5_000, maxBytes: 512 * 1024 }, { fetch }),
  });
  return {
    clock,
    issuers,
    verify: async (token: string) => await issuers.verify(token, waitUntil),
  };
}

function claims(issuer: IssuerServer, more: Record<string, unknown> = {}) {
  return {
    iss: issuer.issuer,
    aud: "https://api.example.com",
    sub: "alice",
    client_id: "app",
    iat: NOW(),
    exp: NOW() + 300,
    jti: "j-1",
    scope: "read write",
    ...more,
  };
}

function accepted(result: VerifiedForeign | string): VerifiedForeign {
  assert.ok(typeof result !== "string", String(result));
  return result;
}

Deno.test("an RFC 9068 token is taken, and its subject belongs to its source", async () => {
  await using issuer = await startIssuer();
  const { verify, issuers } = createVerify(optionsFor(issuer, { claims: { tenant: "/tenant" } }));
  const token = await issuer.sign(claims(issuer, { tenant: "acme", admin: true }));
  assert.equal(issuers.claims(token), true);
  const verified = accepted(await verify(token));
  assert.equal(verified.subject, "work|alice");
  assert.equal(verified.actor, "user");
  assert.equal(verified.client, "app");
  assert.equal(verified.jti, "work|j-1");
  assert.equal(verified.sid, null);
  assert.deepEqual(verified.claims, { tenant: "acme", scope: "read write" });
  // A second time it is answered from memory.
  assert.equal(issuers.verify(token, waitUntil), verified);
});

Deno.test("the dialects of Auth0, Keycloak, Cognito, Entra and Clerk", async () => {
  await using issuer = await startIssuer("RS256");
  const api = "https://api.example.com";
  const dialects: {
    options: Partial<IssuerOptions>;
    typ: string | undefined;
    payload: Record<string, unknown>;
    expected: Partial<VerifiedForeign>;
  }[] = [
    { // Auth0, a person
      options: { types: ["jwt"] },
      typ: "JWT",
      payload: { sub: "auth0|1", aud: [api, "https://x/userinfo"], azp: "spa", permissions: ["p"] },
      expected: { subject: "work|auth0|1", actor: "user", client: "spa", scope: "read p" },
    },
    { // Auth0, a machine
      options: { types: ["jwt"] },
      typ: "JWT",
      payload: { sub: "m2m@clients", azp: "m2m", gty: "client-credentials" },
      expected: { subject: "work|m2m@clients", actor: "client", client: "m2m" },
    },
    { // Keycloak: the audience says nothing, the client does
      options: {
        types: ["jwt"],
        audience: null,
        clients: { allow: ["web"] },
        scope: ["/scope", "/realm_access/roles"],
      },
      typ: "JWT",
      payload: { aud: "account", azp: "web", realm_access: { roles: ["admin"] } },
      expected: { subject: "work|alice", actor: "user", scope: "read admin" },
    },
    { // Keycloak, the user that a client has of its own
      options: { types: ["jwt"], audience: null, clients: { allow: ["Web"] } },
      typ: "JWT",
      payload: {
        aud: "account",
        azp: "Web",
        client_id: "Web",
        clientHost: "10.0.0.1",
        preferred_username: "service-account-web",
      },
      expected: { subject: "work|alice", actor: "client", client: "Web" },
    },
    { // Keycloak, somebody who has only called themselves so
      options: { types: ["jwt"], audience: null, clients: { allow: ["web"] } },
      typ: "JWT",
      payload: { aud: "account", azp: "web", preferred_username: "service-account-web" },
      expected: { subject: "work|alice", actor: "user", client: "web" },
    },
    { // Cognito: no audience at all
      options: {
        types: ["", "jwt"],
        audience: null,
        clients: { allow: ["c1"] },
        claimEquals: { token_use: "access" },
      },
      typ: undefined,
      payload: { aud: undefined, client_id: "c1", token_use: "access" },
      expected: { client: "c1", actor: "user" },
    },
    { // Entra, an application: roles in the place of scopes
      options: {
        types: ["jwt"],
        audience: ["api://1"],
        scope: ["/scp", "/roles"],
        subject: "/oid",
      },
      typ: "JWT",
      payload: { aud: "api://1", oid: "o-1", sub: "s", azp: "daemon", idtyp: "app", roles: ["r"] },
      expected: { subject: "work|o-1", actor: "client", scope: "r" },
    },
    { // Entra, an application that was not given the optional idtyp
      options: {
        types: ["jwt"],
        audience: ["api://1"],
        scope: ["/scp", "/roles"],
        subject: "/oid",
      },
      typ: "JWT",
      payload: { aud: "api://1", tid: "t-1", oid: "o-1", sub: "o-1", azp: "daemon", roles: ["r"] },
      expected: { subject: "work|o-1", actor: "client", scope: "r" },
    },
    { // Entra, a person
      options: { types: ["jwt"], audience: ["api://1"], scope: ["/scp"], subject: "/oid" },
      typ: "JWT",
      payload: { aud: "api://1", tid: "t-1", oid: "o-1", sub: "pair", azp: "spa", scp: "x" },
      expected: { subject: "work|o-1", actor: "user", scope: "x" },
    },
    { // Clerk: azp is the origin of the front end
      options: { types: ["jwt"], audience: null, clients: { allow: ["https://app.example.com"] } },
      typ: "JWT",
      payload: { aud: undefined, azp: "https://app.example.com", client_id: undefined },
      expected: { client: "https://app.example.com", actor: "user" },
    },
  ];
  for (const { options, typ, payload, expected } of dialects) {
    const { verify } = createVerify(optionsFor(issuer, options));
    const full = claims(issuer, { client_id: undefined, scope: "read", ...payload });
    const token = await issuer.sign(
      full,
      typ === undefined ? { typ: undefined } as never : { typ },
    );
    const verified = accepted(await verify(token));
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(
        verified[name as keyof VerifiedForeign],
        value,
        JSON.stringify({ name, payload }),
      );
    }
  }
});

Deno.test("a machine is told from a person, and never gets a person's subject", async () => {
  await using issuer = await startIssuer();
  const { verify } = createVerify(optionsFor(issuer));
  const token = await issuer.sign(claims(issuer, { sub: "app" }));
  const machine = accepted(await verify(token));
  assert.deepEqual([machine.subject, machine.actor, machine.client], ["work|app", "client", "app"]);
  const without = accepted(
    await verify(await issuer.sign(claims(issuer, { sub: undefined, jti: undefined }))),
  );
  assert.deepEqual([without.subject, without.actor], ["work|app", "client"]);
  assert.match(without.jti, /^work\|~[\w-]{43}$/);
  const people = createVerify(optionsFor(issuer, { actor: "user" }));
  assert.equal(
    await people.verify(await issuer.sign(claims(issuer, { sub: undefined }))),
    "bad_claims",
  );
});

Deno.test("what its issuer did not mean for us is refused", async () => {
  await using issuer = await startIssuer();
  const { verify } = createVerify(optionsFor(issuer, {
    clients: { allow: ["app"] },
    claimEquals: { token_use: "access" },
  }));
  const good = { token_use: "access" };
  accepted(await verify(await issuer.sign(claims(issuer, good))));
  const bad: Record<string, unknown>[] = [
    { aud: "https://other.example.com" },
    { aud: ["https://other.example.com"] },
    { aud: undefined },
    { aud: { "https://api.example.com": 1 } },
    { aud: ["https://api.example.com", 7] },
    { client_id: "other" },
    { client_id: undefined },
    { client_id: ["app"] },
    // The first claim counts: a foreign `azp` is not made good by the other.
    { azp: "other" },
    { azp: null },
    { token_use: "ACCESS" },
    { token_use: undefined },
    { sub: "" },
    { sub: 1.5 },
    { sub: ["alice"] },
    { sub: "a\r\nb" },
    { sub: "x".repeat(300) },
    { exp: undefined },
    { exp: "4000000000" },
    { exp: null },
    { exp: -1 },
    { iat: undefined },
    { iat: "1" },
    { nbf: "1" },
    { jti: 7 },
    { jti: "" },
  ];
  for (const each of bad) {
    const payload = JSON.stringify(claims(issuer, { ...good, ...each }));
    const [key] = issuer.keys;
    assert.ok(key !== undefined);
    const header = JSON.stringify({ alg: "ES256", kid: "key-1", typ: "at+jwt" });
    assert.equal(await verify(await signRaw(key, header, payload)), "bad_claims", payload);
  }
});

Deno.test("times: tolerance on both sides, and no life beyond the longest that is allowed", async () => {
  await using issuer = await startIssuer();
  const { verify, clock } = createVerify(optionsFor(issuer));
  const at = (seconds: Record<string, unknown>) =>
    issuer.sign(claims(issuer, seconds)).then(verify);
  const now = NOW();
  accepted(await at({ iat: now - 100, exp: now - 3 }));
  assert.equal(await at({ iat: now - 100, exp: now - 7 }), "expired");
  accepted(await at({ iat: now + 3 }));
  assert.equal(await at({ iat: now + 60 }), "not_yet_valid");
  assert.equal(await at({ nbf: now + 60 }), "not_yet_valid");
  assert.equal(await at({ iat: now - 90_000, exp: 1e300 }), "expired");
  const long = await issuer.sign(claims(issuer, { iat: now, exp: 1e300 }));
  const { expiresAtSeconds, exp } = accepted(await verify(long));
  assert.equal(expiresAtSeconds, now + 86_400);
  assert.equal(exp, now + 30 * 86_400, "what a revocation has to outlive");
  clock.advance(86_410_000);
  assert.equal(await verify(long), "expired");
});

Deno.test("headers that lead elsewhere, weaken or change a signature are never followed", async () => {
  await using issuer = await startIssuer();
  await using evil = await startIssuer();
  const { verify } = createVerify(optionsFor(issuer));
  const [key] = issuer.keys;
  const stranger = await createKey("key-1", "ES256");
  assert.ok(key !== undefined);
  const payload = JSON.stringify(claims(issuer));
  const usual = { alg: "ES256", kid: "key-1", typ: "at+jwt" };
  const ownKey: Record<string, unknown>[] = [
    { ...usual, crit: ["exp"], exp: 1 },
    { ...usual, crit: [] },
    { ...usual, b64: false },
    { ...usual, b64: true, crit: ["b64"] },
    { ...usual, zip: "DEF" },
    { ...usual, kid: 7 },
    { ...usual, kid: ["key-1"] },
    { ...usual, kid: "../key-1" },
    { ...usual, kid: "__proto__" },
    { ...usual, kid: "" },
    { ...usual, typ: "JWT" },
    { ...usual, typ: "logout+jwt" },
    { ...usual, typ: ["at+jwt"] },
    { ...usual, typ: undefined },
    { ...usual, alg: "none" },
    { ...usual, alg: "None" },
    { ...usual, alg: "HS256" },
    { ...usual, alg: "es256" },
    { ...usual, alg: "ES384" },
    { ...usual, alg: "RS256" },
    { ...usual, alg: ["ES256"] },
    { ...usual, alg: undefined },
  ];
  for (const header of ownKey) {
    const result = await verify(await signRaw(key, JSON.stringify(header), payload));
    assert.equal(typeof result, "string", JSON.stringify(header));
  }
  const leading: Record<string, unknown>[] = [
    { ...usual },
    { ...usual, jwk: stranger.jwk },
    { ...usual, jku: evil.jwks },
    { ...usual, x5u: evil.jwks },
    { ...usual, x5c: ["MIIB"] },
    { ...usual, kid: undefined, jwk: stranger.jwk },
    { ...usual, kid: evil.jwks },
  ];
  for (const header of leading) {
    const result = await verify(await signRaw(stranger, JSON.stringify(header), payload));
    assert.equal(typeof result, "string", JSON.stringify(header));
  }
  assert.deepEqual(evil.asked, [], "nobody was asked for a key");
  accepted(await verify(await signRaw(key, JSON.stringify({ ...usual, jku: evil.jwks }), payload)));
  assert.deepEqual(evil.asked, []);
  for (const typ of ["application/at+jwt", "AT+JWT"]) {
    accepted(await verify(await signRaw(key, JSON.stringify({ ...usual, typ }), payload)));
  }
});

Deno.test("what is no token, and a public key as a secret, is answered without a throw", async () => {
  await using issuer = await startIssuer();
  const { verify } = createVerify(optionsFor(issuer));
  const [key] = issuer.keys;
  assert.ok(key !== undefined);
  const header = encode(JSON.stringify({ alg: "HS256", kid: "key-1", typ: "at+jwt" }));
  const body = encode(JSON.stringify(claims(issuer)));
  const input = new TextEncoder().encode(`${header}.${body}`);
  for (const secret of [JSON.stringify(key.jwk), String(key.jwk.x)]) {
    const hmac = await crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(secret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", hmac, input));
    const signature = mac.toBase64({ alphabet: "base64url", omitPadding: true });
    assert.equal(await verify(`${header}.${body}.${signature}`), "unknown_key");
  }
  const odd = [
    "",
    ".",
    "..",
    "a.b",
    "a.b.c.d",
    `${header}.${body}.`,
    `${encode('{"alg":"none"}')}.${body}.`,
    `${encode("null")}.${body}.AAAA`,
    `${encode("[]")}.${body}.AAAA`,
    `${encode("{")}.${body}.AAAA`,
    `${header}.${encode("null")}.AAAA`,
    `${header}.${encode("[".repeat(5_000))}.AAAA`,
    `${header}.${encode('{"iss":["x"]}')}.AAAA`,
    `${header}.${encode('{"iss":"__proto__"}')}.AAAA`,
    `${header}=.${body}.AAAA`,
    `${header}.${body}.${"A".repeat(20_000)}`,
    `${"A".repeat(4_000)}.${body}.AAAA`,
    "\u0000.\u0000.\u0000",
  ];
  for (const token of odd) assert.equal(typeof await verify(token), "string", token.slice(0, 60));
});

Deno.test("no change of a single character is accepted, in the unused bits either", async () => {
  await using issuer = await startIssuer();
  const { verify } = createVerify(optionsFor(issuer));
  const token = await issuer.sign(claims(issuer));
  accepted(await verify(token));
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ";
  await fc.assert(
    fc.asyncProperty(
      fc.nat(token.length - 1),
      fc.constantFrom(...alphabet),
      async (index, char) => {
        const changed = token.slice(0, index) + char + token.slice(index + 1);
        fc.pre(changed !== token);
        assert.equal(typeof await verify(changed), "string", changed);
      },
    ),
    { numRuns: 400 },
  );
  for (const char of alphabet) {
    const changed = token.slice(0, -1) + char;
    if (changed !== token) assert.equal(typeof await verify(changed), "string", char);
  }
});

Deno.test("what the issuer signed for another purpose is no access token, though it names client and audience", async () => {
  await using issuer = await startIssuer();
  const { verify } = createVerify(
    optionsFor(issuer, { types: ["", "jwt"], audience: null, clients: { allow: ["web"] } }),
  );
  const asked = async (more: Record<string, unknown>) =>
    await verify(await issuer.sign(claims(issuer, { azp: "web", ...more }), { typ: "JWT" }));
  accepted(await asked({ typ: "Bearer", nonce: "older Keycloak" }));
  const event = "http://schemas.openid.net/event/backchannel-logout";
  for (
    const more of [
      { aud: "web", at_hash: "x" },
      { aud: "web", c_hash: "x" },
      { aud: "web", at_hash: null },
      { typ: "ID" },
      { typ: "Refresh" },
      { typ: "Offline" },
      { typ: "Logout" },
      { token_use: "id" },
      { events: { [event]: {} } },
    ]
  ) assert.equal(await asked(more), "wrong_type", JSON.stringify(more));
});

Deno.test("a token bound in whatever way is none for bearers", async () => {
  await using issuer = await startIssuer();
  const { verify } = createVerify(optionsFor(issuer));
  const [key] = issuer.keys;
  assert.ok(key !== undefined);
  const bound = async (cnf: unknown) => {
    const header = JSON.stringify({ alg: "ES256", kid: "key-1", typ: "at+jwt" });
    return accepted(
      await verify(await signRaw(key, header, JSON.stringify(claims(issuer, { cnf })))),
    )
      .bound;
  };
  assert.equal(await bound(undefined), null);
  assert.deepEqual(await bound({ jkt: "thumb" }), { jkt: "thumb", by: "dpop" });
  for (const cnf of [{ "x5t#S256": "x" }, { jwk: {} }, { jkt: 7 }, {}, [], "x", null, false]) {
    assert.deepEqual(await bound(cnf), { jkt: "", by: "dpop" }, JSON.stringify(cnf));
  }
});

Deno.test("a remembered token dies with its key", async () => {
  await using issuer = await startIssuer();
  const { verify, issuers, clock } = createVerify(optionsFor(issuer));
  const token = await issuer.sign(claims(issuer, { exp: NOW() + 7_200 }));
  accepted(await verify(token));
  clock.advance(300_000);
  assert.ok(!(issuers.verify(token, waitUntil) instanceof Promise), "no question, no cryptography");
  issuer.keys = [await createKey("key-2", "ES256")];
  clock.advance(400_000);
  assert.equal(await verify(token), "unknown_key");
});

Deno.test("two entries for one issuer: its people and its machines, never one subject", async () => {
  await using issuer = await startIssuer();
  const { verify } = createVerify(
    optionsFor(issuer, { name: "people", clients: { allow: ["web"] }, actor: "user" }),
    optionsFor(issuer, { name: "machines", clients: { allow: ["cron"] }, actor: "client" }),
  );
  const subjectOf = async (client: string) =>
    accepted(await verify(await issuer.sign(claims(issuer, { client_id: client })))).subject;
  assert.equal(await subjectOf("web"), "people|alice");
  assert.equal(await subjectOf("cron"), "machines|alice");
  assert.equal(await verify(await issuer.sign(claims(issuer, { client_id: "x" }))), "bad_claims");
  const unknown = await issuer.sign(claims(issuer, { iss: `${issuer.issuer}/` }));
  assert.equal(await verify(unknown), "not_foreign");
});
