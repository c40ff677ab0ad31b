import assert from "node:assert/strict";
import { sign } from "hono/jwt";
import { type Django, freePort, startDjango, USERS } from "./django.ts";

async function signIn(django: Django, path: string, user: { username: string; password: string }) {
  const response = await fetch(`${django.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: user.username, password: user.password }),
  });
  return { status: response.status, body: await response.json() };
}

async function me(django: Django, headers: Record<string, string>) {
  const response = await fetch(`${django.url}/api/me/`, { headers });
  return { status: response.status, body: await response.json() };
}

Deno.test("a native Django issues, refreshes, blacklists and accepts its own tokens", async () => {
  await using django = await startDjango({
    mode: "native",
    rotateRefreshTokens: true,
    blacklistAfterRotation: true,
    tokenClaims: true,
  });
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${django.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const { status, body: pair } = await signIn(django, "/api/token/", USERS.ada);
  assert.equal(status, 200);
  const bearer = { authorization: `Bearer ${pair.access}` };
  const who = await me(django, bearer);
  assert.deepEqual([who.status, who.body.id, who.body.username], [200, "1", "ada"]);
  assert.match(who.body.claims.scope, /\bauth\.add_user\b/);
  assert.deepEqual(await post("/api/token/verify/", { token: pair.access }), {
    status: 200,
    body: {},
  });
  assert.equal((await post("/api/token/refresh/", { refresh: pair.refresh })).status, 200);
  assert.deepEqual(await post("/api/token/refresh/", { refresh: pair.refresh }), {
    status: 401,
    body: { detail: "Token is blacklisted", code: "token_not_valid" },
  });
  const item = await fetch(`${django.url}/api/items/`, {
    method: "POST",
    headers: { ...bearer, "content-type": "application/json" },
    body: '{"name":"chair"}',
  });
  assert.equal(item.status, 201);
  assert.deepEqual(await item.json(), { owner: "1", received: { name: "chair" } });
});

Deno.test("requests are recorded as they arrived, aliases and chunked bodies included", async () => {
  await using django = await startDjango({ mode: "native" });
  assert.deepEqual(await django.recorded(), []);
  const body = "über\r\n".repeat(3);
  // By hand: `fetch` would tidy all of this up.
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(django.url).port),
  });
  const bytes = new TextEncoder().encode(body);
  const request = [
    "POST /public/%2e%2E/x%2Fy?q=%20&q=2 HTTP/1.1",
    "Host: shop",
    "X_Auth_Subject: forged",
    "X-Auth-Subject: 7",
    "Cookie: a=1",
    "Cookie: b=2",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "",
    `${bytes.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  ].join("\r\n");
  await connection.write(new TextEncoder().encode(request));
  await new Response(connection.readable).text();

  const [recorded, ...others] = await django.recorded();
  assert.equal(others.length, 0);
  assert.ok(recorded);
  assert.equal(recorded.method, "POST");
  assert.equal(recorded.target, "/public/%2e%2E/x%2Fy?q=%20&q=2");
  assert.equal(recorded.path, "/public/%2e%2E/x%2Fy");
  assert.equal(recorded.query, "q=%20&q=2");
  assert.deepEqual(recorded.headers.slice(1, 5), [
    ["x_auth_subject", "forged"],
    ["x-auth-subject", "7"],
    ["cookie", "a=1"],
    ["cookie", "b=2"],
  ]);
  assert.equal(recorded.meta["HTTP_X_AUTH_SUBJECT"], "forged,7");
  assert.deepEqual(recorded.body, bytes);
  for (const part of ["%2e%2E", "X_Auth_Subject: forged".toLowerCase(), "b=2", "über"]) {
    assert.ok(recorded.everything.includes(part), part);
  }
  await django.forgetRecorded();
  assert.deepEqual(await django.recorded(), []);
});

Deno.test("a body behind the recorded beginning still reaches the application whole", async () => {
  await using django = await startDjango({ mode: "native" });
  const { body: pair } = await signIn(django, "/api/token/", USERS.bob);
  const text = "0123456789abcdef".repeat(20_000);
  const response = await fetch(`${django.url}/api/items/`, {
    method: "POST",
    headers: { "authorization": `Bearer ${pair.access}`, "content-type": "application/json" },
    body: JSON.stringify({ text }),
  });
  assert.equal((await response.json()).received.text, text);
  const recorded = (await django.recorded()).at(-1);
  assert.equal(recorded?.body.byteLength, 65_536);
});

Deno.test("users can be added, disabled and deleted while Django runs", async () => {
  await using django = await startDjango({ mode: "native" });
  const eve = { username: "eve", password: "wherefore" };
  const ids = await django.users([{ ...eve, permissions: ["auth.add_user"] }]);
  const { body } = await signIn(django, "/api/login/", eve);
  assert.deepEqual(body.user, {
    id: ids["eve"],
    username: "eve",
    name: "eve",
    permissions: ["auth.add_user"],
  });
  const recheck = async () =>
    (await signIn(django, "/api/login/", eve)).status.toString() + " " +
    await fetch(`${django.url}/recheck/`, {
      method: "POST",
      body: JSON.stringify({ subject: String(ids["eve"]) }),
    }).then(async (response) => (await response.body?.cancel(), response.status));
  assert.equal(await recheck(), "200 200");
  await django.users([{ username: "eve", active: false }]);
  assert.equal(await recheck(), "401 403");
  await django.users([{ username: "eve", deleted: true }]);
  assert.equal(await recheck(), "401 404");
});

/** A key that signs assertions, and a JWKS endpoint that publishes it. */
async function issuer() {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const kid = crypto.randomUUID();
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", keys.publicKey);
  const jwks = { keys: [{ kty, crv, x, y, kid, use: "sig", alg: "ES256" }] };
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, () => Response.json(jwks));
  const privateJwk = {
    ...await crypto.subtle.exportKey("jwk", keys.privateKey),
    kid,
    alg: "ES256",
  };
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    iss: "https://app.example.com",
    aud: "app",
    sub: "2",
    sid: "s",
    jti: "j",
    iat: now,
    exp: now + 60,
    scope: "read",
    token_type: "assertion",
  };
  return {
    jwksUrl: `http://127.0.0.1:${server.addr.port}/.well-known/jwks.json`,
    assertion: (changes: Record<string, unknown> = {}) =>
      sign({ ...claims, ...changes }, privateJwk, "ES256"),
    now,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const TRUST = { issuer: "https://app.example.com", audience: "app" };

Deno.test("in assertion mode X-Auth-Assertion signs in, and only a sound one", async () => {
  await using postern = await issuer();
  await using stranger = await issuer();
  await using django = await startDjango({ mode: "assertion", jwksUrl: postern.jwksUrl, ...TRUST });
  const good = await me(django, {
    "x-auth-assertion": await postern.assertion({ user_id: "1" }),
  });
  assert.deepEqual([good.status, good.body.id, good.body.claims.scope], [200, "2", "read"]);

  const unsound = {
    "of another key": await stranger.assertion(),
    "for another upstream": await postern.assertion({ aud: "other" }),
    "of another gateway": await postern.assertion({ iss: "https://evil.example" }),
    "expired": await postern.assertion({ exp: postern.now - 10 }),
    "an access token": await postern.assertion({ token_type: "access" }),
    "without a subject": await postern.assertion({ sub: "" }),
    "not a token": "x",
  };
  for (const [what, assertion] of Object.entries(unsound)) {
    assert.equal((await me(django, { "x-auth-assertion": assertion })).status, 401, what);
  }
  assert.equal((await me(django, {})).status, 401);
  assert.equal((await me(django, { "x-auth-subject": "1" })).status, 401);
  // Its own login still works, for Postern to ask; its own tokens sign nobody in any more.
  const { status, body: pair } = await signIn(django, "/api/token/", USERS.ada);
  assert.equal(status, 200);
  assert.equal((await me(django, { authorization: `Bearer ${pair.access}` })).status, 401);
});

Deno.test("in bearer mode stock SimpleJWT verifies the assertion by its settings", async () => {
  await using postern = await issuer();
  await using stranger = await issuer();
  await using django = await startDjango({ mode: "bearer", jwksUrl: postern.jwksUrl, ...TRUST });
  const bearer = (token: string) => me(django, { authorization: `Bearer ${token}` });
  const good = await bearer(await postern.assertion());
  assert.deepEqual([good.status, good.body.id], [200, "2"]);
  assert.equal((await bearer(await stranger.assertion())).status, 401);
  assert.equal((await bearer(await postern.assertion({ aud: "other" }))).status, 401);
  assert.equal((await bearer(await postern.assertion({ exp: postern.now - 10 }))).status, 401);
  assert.equal((await signIn(django, "/api/login/", USERS.bob)).status, 200);
});

Deno.test("in header mode X-Auth-Subject signs in a user that exists and is active", async () => {
  const port = freePort();
  await using django = await startDjango({ mode: "header", port });
  assert.equal(django.url, `http://127.0.0.1:${port}`);
  const known = await me(django, { "x-auth-subject": "2" });
  assert.deepEqual([known.status, known.body.username], [200, "bob"]);
  for (const subject of ["99", "bob", "", "2,1"]) {
    assert.equal((await me(django, { "x-auth-subject": subject })).status, 401, subject);
  }
  await django.users([{ username: "bob", active: false }]);
  assert.equal((await me(django, { "x-auth-subject": "2" })).status, 401);
});

Deno.test("a Django that cannot start says why, and leaves nothing behind", async () => {
  await assert.rejects(
    startDjango({ mode: "native", env: { POSTERN_MODE: "nonsense" } }),
    /POSTERN_MODE 'nonsense' is not/,
  );
});

Deno.test("a stopped Django has ended with all its workers", async () => {
  const django = await startDjango({ mode: "native" });
  await django.stop();
  await django.stop();
  await assert.rejects(fetch(`${django.url}/public/`), TypeError);
});

Deno.test("pages that stream, redirect, dawdle and set cookies do just that", async () => {
  await using django = await startDjango({ mode: "native" });
  const stream = await fetch(`${django.url}/stream/?count=3&every=0.01`);
  assert.equal(await stream.text(), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  const redirect = await fetch(`${django.url}/redirect/?to=/public/`, { redirect: "manual" });
  await redirect.body?.cancel();
  assert.deepEqual([redirect.status, redirect.headers.get("location")], [302, "/public/"]);
  const cookies = await fetch(`${django.url}/set-cookie/`, { headers: { cookie: "a=1" } });
  assert.deepEqual(await cookies.json(), { cookies: { a: "1" } });
  const names = cookies.headers.getSetCookie().map((cookie) => cookie.split("=")[0]);
  assert.ok(names.includes("basket") && names.includes("__Host-postern-access"), String(names));
  const slow = await fetch(`${django.url}/slow/?seconds=0.1`);
  assert.deepEqual(await slow.json(), { slow: true });
});
