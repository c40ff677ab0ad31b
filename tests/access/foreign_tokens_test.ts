/** Tokens that others signed, as Bearer on the same routes as ours. */
import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";
import { createGroupNames } from "../../src/tokens/groups.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";
import type { RecordingUpstream } from "../support/upstream.ts";
import { signRaw, startIssuer } from "../tokens/issuers/issuer_server.ts";
import type { IssuerServer } from "../tokens/issuers/issuer_server.ts";

interface Stand {
  readonly gateway: TestGateway;
  readonly issuer: IssuerServer;
  readonly upstream: RecordingUpstream;
  /** A token that is good. */
  token(more?: Record<string, unknown>): Promise<string>;
  ask(path: string, token: string, headers?: Record<string, string>): Promise<Response>;
}

async function withStand(
  act: (stand: Stand) => Promise<void>,
  upstreamSettings: Record<string, unknown> = {},
): Promise<void> {
  await using issuer = await startIssuer();
  const upstream = startUpstream();
  const gateway = await startGateway({
    config: {
      upstreams: { app: { targets: [upstream.url], assertion: true, ...upstreamSettings } },
      issuers: {
        work: {
          issuer: issuer.issuer,
          types: ["at+jwt"],
          audience: "api",
          claims: { tenant: "/tenant" },
        },
      },
    },
  });
  const token = (more: Record<string, unknown> = {}) => {
    const iat = Math.floor(gateway.clock() / 1000);
    return issuer.sign({
      iss: issuer.issuer,
      aud: "api",
      sub: "alice",
      client_id: "spa",
      iat,
      exp: iat + 600,
      jti: crypto.randomUUID(),
      scope: "read",
      tenant: "acme",
      ...more,
    });
  };
  try {
    await act({
      gateway,
      issuer,
      upstream,
      token,
      ask: (path, bearer, headers = {}) =>
        fetch(gateway.url + path, { headers: { authorization: `Bearer ${bearer}`, ...headers } }),
    });
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

async function assertProblem(response: Response, status: number, code: string): Promise<void> {
  assert.equal((await response.json()).code, code);
  assert.equal(response.status, status);
}

Deno.test("people and machines reach the upstream by name, and their tokens do not", async () => {
  await withStand(async ({ ask, token, upstream }) => {
    const person = await token();
    assert.equal((await (await ask("/a", person)).json()).target, "/a");
    const machine = await token({ sub: "cron", client_id: "cron" });
    await (await ask("/b", machine, { "x-copy": person, "x-auth-actor": "user" })).body?.cancel();
    const [first, second] = upstream.seen;
    assert.ok(first !== undefined && second !== undefined);
    const names = ["x-auth-subject", "x-auth-actor", "x-auth-client", "x-auth-scope"];
    assert.deepEqual(names.map((name) => first.headers.get(name)), [
      "work|alice",
      "user",
      "spa",
      "read",
    ]);
    assert.equal(first.headers.get("x-auth-tenant"), "acme");
    assert.equal(first.headers.get("x-auth-session"), null);
    assert.deepEqual(names.map((name) => second.headers.get(name)), [
      "work|cron",
      "client",
      "cron",
      "read",
    ]);
    const [, payload = ""] = first.headers.get("x-auth-assertion")?.split(".") ?? [];
    const said = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    assert.equal(said.sub, "work|alice");
    assert.equal(said.client_id, "spa");
    assert.equal("sid" in said, false);
    for (const { headers } of upstream.seen) {
      for (const [name, value] of headers) {
        if (name === "x-auth-assertion") continue;
        assert.ok(!value.includes(person) && !value.includes(machine), name);
      }
    }
  });
});

Deno.test("scopes of the issuer are held against the route", async () => {
  await withStand(async ({ ask, token }) => {
    await assertProblem(await ask("/admin/x", await token()), 403, "insufficient_scope");
    const admin = await ask("/admin/x", await token({ scope: "admin" }));
    assert.equal(admin.status, 200);
    await admin.body?.cancel();
  });
});

Deno.test("a token is passed on only where the upstream asks for it", async () => {
  await withStand(async ({ ask, token, upstream, gateway }) => {
    const foreign = await token();
    await (await ask("/a", foreign)).body?.cancel();
    assert.equal(upstream.seen[0]?.headers.get("authorization"), `Bearer ${foreign}`);
    const pair = await (await fetch(`${gateway.url}/api/token/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "demo", password: "postern" }),
    })).json();
    await (await ask("/a", pair.access)).body?.cancel();
    assert.equal(upstream.seen[1]?.headers.get("authorization"), null, "our own never is");
  }, { forwardToken: true });
});

Deno.test("a foreign token is revoked like one of ours: itself, or all of its subject", async () => {
  await withStand(async ({ ask, token, gateway }) => {
    const one = await token({ jti: "j-1" });
    const other = await token({ jti: "j-2" });
    for (const each of [one, other]) await (await ask("/a", each)).body?.cancel();
    const untilMs = gateway.clock() + 3_600_000;
    await gateway.store.revokeToken({ jti: "work|j-1", untilMs });
    gateway.clock.advance(6_000);
    await assertProblem(await ask("/a", one), 401, "session_revoked");
    assert.equal((await ask("/a", other)).status, 200);
    await gateway.store.revokeGroup({
      group: await createGroupNames(gateway.url)("subject", "work|alice"),
      denyForMs: 3_600_000,
      rememberForMs: 3_600_000,
    });
    gateway.clock.advance(6_000);
    await assertProblem(await ask("/a", other), 401, "session_revoked");
    const later = await ask("/a", await token());
    assert.equal(later.status, 200, "a token signed after that is good");
    await later.body?.cancel();
  });
});

Deno.test("it opens proxied routes as Bearer only: no cookie, no account, no session to end", async () => {
  await withStand(async ({ ask, token, gateway }) => {
    const foreign = await token();
    await assertProblem(
      await fetch(`${gateway.url}/a`, { headers: { cookie: `postern-access=${foreign}` } }),
      401,
      // A cookie is ours alone, and no key of ours signed this one.
      "unknown_key",
    );
    await assertProblem(await ask("/auth/session", foreign), 401, "token_invalid");
    await assertProblem(await ask("/auth/sessions", foreign), 401, "token_invalid");
    await assertProblem(await ask(`/a?t=${foreign}`, foreign), 400, "token_in_query");
    const strict = await ask("/strict/x", foreign);
    assert.equal(strict.status, 200);
    await strict.body?.cancel();
  });
});

Deno.test("an issuer that was never reached is 503, not 401; every other flaw is 401", async () => {
  await withStand(async ({ ask, token, issuer }) => {
    issuer.respond = () => new Response(null, { status: 500 });
    const response = await ask("/a", await token());
    assert.equal(response.headers.get("retry-after"), "1");
    await assertProblem(response, 503, "issuer_unavailable");
  });
  await withStand(async ({ ask, token }) => {
    await assertProblem(await ask("/a", await token({ exp: 1 })), 401, "token_expired");
    await assertProblem(await ask("/a", await token({ aud: "x" })), 401, "token_invalid");
    await assertProblem(await ask("/a", "a.b.c"), 401, "token_invalid");
  });
});

Deno.test("whatever stands behind Bearer is answered with 400 or 401, never let in, never 500", async () => {
  await withStand(async ({ gateway, token, issuer, upstream }) => {
    const good = await token();
    await (await fetch(`${gateway.url}/a`, { headers: { authorization: `Bearer ${good}` } }))
      .body?.cancel();
    upstream.seen.length = 0;
    const [head = "", body = "", signature = ""] = good.split(".");
    const [key] = issuer.keys;
    assert.ok(key !== undefined);
    const usual = { alg: "ES256", kid: key.kid, typ: "at+jwt" };
    const signed = (header: object, payload: string) =>
      signRaw(key, JSON.stringify(header), payload);
    const claims = atob(body.replaceAll("-", "+").replaceAll("_", "/"));
    const headers: object[] = [
      { ...usual, alg: "none" },
      { ...usual, alg: "HS256" },
      { ...usual, crit: ["x"], x: 1 },
      { ...usual, b64: false },
      { ...usual, kid: "__proto__" },
      { ...usual, kid: "constructor" },
      { ...usual, typ: "JWT" },
      { ...usual, jwk: key.jwk, kid: "other" },
      { ...usual, jku: issuer.jwks, kid: "other" },
    ];
    const payloads = [
      "null",
      "[]",
      "1",
      '"x"',
      "{",
      "{}",
      `{"iss":"${issuer.issuer}"}`,
      `{"iss":["${issuer.issuer}"]}`,
      `{"__proto__":{"iss":"${issuer.issuer}"}}`,
      claims.replace(/"exp":\d+/, '"exp":"9999999999"'),
      claims.replace(/"exp":\d+/, '"exp":1e999'),
      claims.replace(/"exp":\d+/, '"exp":-1'),
      claims.replace(/"iat":\d+/, '"iat":{}'),
      claims.replace(/"sub":"\w+"/, '"sub":{"toString":1}'),
      claims.replace(/"sub":"\w+"/, '"sub":"a\\r\\nx-auth-scope: admin"'),
      claims.replace(/"aud":"\w+"/, '"aud":{"api":1}'),
      `${"[".repeat(2_000)}${"]".repeat(2_000)}`,
    ];
    const tokens = [
      "",
      "x",
      "..",
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${signature}.`,
      `${head}.${body}.${signature}=`,
      `${head}.${body}.${signature.slice(0, -1)}`,
      `${head}.${body}.${"A".repeat(86)}`,
      `${head}.${head}.${signature}`,
      `${body}.${head}.${signature}`,
      ...await Promise.all(headers.map((header) => signed(header, claims))),
      ...await Promise.all(payloads.map((payload) => signed(usual, payload))),
    ];
    for (const each of tokens) {
      const response = await fetch(`${gateway.url}/a`, {
        headers: { authorization: `Bearer ${each}` },
      });
      await response.body?.cancel();
      assert.ok([400, 401].includes(response.status), `${response.status}: ${each.slice(0, 80)}`);
    }
    assert.equal(upstream.seen.length, 0);
    assert.ok(issuer.asked.length <= 2, "and the issuer was left alone");
  });
});

Deno.test("issuers that would open to everybody, or in clear, are refused at start", () => {
  const good = { issuer: "https://login.example.com/", types: ["at+jwt"], audience: "api" };
  const problemsOf = (issuers: object, upstream: object = {}): readonly string[] => {
    try {
      parseConfig({
        origin: "https://app.example.com",
        identity: { kind: "demo" },
        upstreams: { app: { targets: ["http://127.0.0.1:9"], ...upstream } },
        routes: [{ path: "/*", upstream: "app" }],
        issuers,
      }, "dev");
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
  };
  assert.deepEqual(problemsOf({ work: good }), []);
  const { audience: _audience, ...anyAudience } = good;
  const { types: _types, ...anyType } = good;
  const bad: [object, string][] = [
    [{ work: anyAudience }, "issuers.work: needs audience or clients"],
    [{ work: anyType }, "issuers.work.types: is required"],
    [{ work: { ...good, algorithms: ["HS256"] } }, "issuers.work.algorithms[0]"],
    [{ work: { ...good, algorithms: ["none"] } }, "issuers.work.algorithms[0]"],
    [{ work: { ...good, issuer: "http://login.example.com" } }, "issuers.work.issuer"],
    [{ work: { ...good, jwks: "http://login.example.com/jwks" } }, "issuers.work.jwks"],
    [{ work: { ...good, issuer: "https://app.example.com" } }, "is Postern itself"],
    [{ "a|b": good }, "issuers.a|b"],
    [{ work: { ...good, claims: { sub: "/x" } } }, "issuers.work.claims.sub"],
  ];
  for (const [issuers, expected] of bad) {
    const problems = problemsOf(issuers);
    assert.ok(problems.some((each) => each.includes(expected)), `${expected}: ${problems}`);
  }
  const both = { forwardToken: true, assertion: { header: "Authorization" } };
  assert.match(problemsOf({ work: good }, both).join(), /upstreams\.app\.forwardToken/);
});
