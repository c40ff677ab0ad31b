/**
 * Postern in front of a real Django + DRF + SimpleJWT, unchanged but for
 * trusting Postern: the whole life of a session.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createUpstreamIdentity } from "../../src/identity/upstream.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { BrowserClient } from "../support/browser_client.ts";
import { freePort, startDjango, USERS } from "../support/django.ts";
import type { Django } from "../support/django.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";

const ACCESS_SECONDS = 2;
const GRACE_MS = 1_000;

interface House extends AsyncDisposable {
  readonly django: Django;
  readonly gateway: TestGateway;
}

async function openHouse(options: { mode: "assertion" | "bearer" }): Promise<House> {
  const port = freePort();
  const origin = `http://localhost:${port}`;
  const django = await startDjango({
    mode: "assertion",
    jwksUrl: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    issuer: origin,
    audience: "shop",
    tokenClaims: true,
  });
  const backend = options.mode === "assertion" ? django : await startDjango({
    mode: "bearer",
    jwksUrl: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    issuer: origin,
    audience: "shop",
  });
  const folder = await Deno.makeTempDir({ prefix: "postern-acceptance-" });
  const store = openSqliteStore({ path: `${folder}/postern.db` });
  const gateway = await startGateway({
    port,
    store,
    identity: createUpstreamIdentity({
      url: `${django.url}/api/token/`,
      format: "json",
      usernameField: "username",
      passwordField: "password",
      token: "/access",
      subject: "/user_id",
      claims: { scope: "/scope", username: "/username" },
      timeoutMs: 10_000,
      maxBytes: 65_536,
    }, { fetch }),
    config: {
      tokens: {
        accessTtl: `${ACCESS_SECONDS}s`,
        rotationGrace: `${GRACE_MS}ms`,
        clockTolerance: "0s",
      },
      upstreams: {
        shop: {
          targets: [backend.url],
          assertion: options.mode === "assertion" ? true : { header: "Authorization" },
        },
      },
      routes: [
        { path: "/public/*", upstream: "shop", auth: "none" },
        { path: "/*", upstream: "shop" },
      ],
    },
  });
  return {
    django: backend,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway.stop();
      await store.close();
      await django.stop();
      if (backend !== django) await backend.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const ada = USERS.ada;

Deno.test("a DRF view behind Postern is reached by cookie and by Bearer, and checks the assertion", async () => {
  await using house = await openHouse({ mode: "assertion" });
  const { gateway, django } = house;

  const browser = new BrowserClient(gateway.url);
  const session = await browser.signIn(ada.username, ada.password);
  const byCookie = await browser.fetch("/api/me/");
  assert.equal(byCookie.status, 200, await byCookie.clone().text());
  const me = await byCookie.json();
  assert.equal(me.id, session.subject);
  assert.equal(me.claims.aud, "shop");
  assert.equal(me.claims.iss, gateway.url);
  assert.equal(me.claims.sid, session.sid);

  const signedIn = await fetch(`${gateway.url}/api/token/`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: ada.username, password: ada.password }),
  });
  assert.equal(signedIn.status, 200);
  const pair = await signedIn.json();
  const byBearer = await fetch(`${gateway.url}/api/me/`, {
    headers: { authorization: `Bearer ${pair.access}` },
  });
  assert.equal(byBearer.status, 200);
  assert.equal((await byBearer.json()).username, "ada");

  // Django's own login endpoint still works for Postern, and for nobody round it.
  const direct = await fetch(`${django.url}/api/me/`, {
    headers: { authorization: `Bearer ${pair.access}` },
  });
  await direct.body?.cancel();
  assert.ok(direct.status === 401 || direct.status === 403);
});

Deno.test("stock SimpleJWT verifies the assertion as Authorization: Bearer through JWK_URL", async () => {
  await using house = await openHouse({ mode: "bearer" });
  const browser = new BrowserClient(house.gateway.url);
  const session = await browser.signIn(ada.username, ada.password);
  const response = await browser.fetch("/api/me/");
  assert.equal(response.status, 200, await response.clone().text());
  assert.equal((await response.json()).id, session.subject);
});

Deno.test("no token, cookie, CSRF value or password of Postern's ever reaches Django", async () => {
  await using house = await openHouse({ mode: "assertion" });
  const { gateway, django } = house;
  const browser = new BrowserClient(gateway.url);
  const session = await browser.signIn(ada.username, ada.password);
  await django.forgetRecorded();

  const secrets = new Set<string>([ada.password, session.csrfToken]);
  const remember = () => {
    for (const value of browser.cookies.values()) secrets.add(value);
  };
  remember();
  const visits: [string, RequestInit & { csrf?: boolean }][] = [
    ["/api/me/", {}],
    ["/public/", {}],
    ["/public/", { headers: { authorization: `Bearer ${browser.cookie("access")}` } }],
    ["/api/items/", {
      method: "POST",
      csrf: true,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ item: "lamp" }),
    }],
    ["/api/me/?page=2", { headers: { "x-theme": "dark" } }],
  ];
  for (const [path, init] of visits) {
    const response = await browser.fetch(path, init);
    await response.body?.cancel();
    assert.ok(response.status < 300, `${path}: ${response.status}`);
  }
  const refreshed = await browser.post("/auth/refresh");
  assert.equal(refreshed.status, 200, await refreshed.text());
  remember();
  await (await browser.fetch("/api/me/")).body?.cancel();
  await (await browser.post("/auth/logout")).body?.cancel();

  const recorded = await django.recorded();
  assert.equal(recorded.length, visits.length + 1);
  for (const request of recorded) {
    for (const secret of secrets) {
      assert.ok(!request.everything.includes(secret), `${request.target} carried a secret`);
    }
    assert.ok(!/postern-(access|refresh|csrf)/.test(request.everything));
    assert.ok(!/^(cookie|authorization|x-csrf-token):/im.test(request.everything));
  }
});

Deno.test("an expired access token is refused, refreshed and good again; reuse ends the whole session", async () => {
  await using house = await openHouse({ mode: "assertion" });
  const { gateway } = house;
  const browser = new BrowserClient(gateway.url);
  await browser.signIn(ada.username, ada.password);
  const thief = browser.copy();

  await sleep(ACCESS_SECONDS * 1000 + 100);
  const expired = await browser.fetch("/api/me/");
  assert.equal(expired.status, 401);
  assert.equal((await expired.json()).code, "token_expired");
  const refreshed = await browser.post("/auth/refresh");
  assert.equal(refreshed.status, 200, await refreshed.text());
  assert.equal(await status(browser.fetch("/api/me/")), 200);

  await sleep(GRACE_MS + 200);
  // The access token must still be within its life when the theft shows.
  assert.equal(await status(browser.post("/auth/refresh")), 200);
  const reuse = await thief.post("/auth/refresh");
  assert.equal(reuse.status, 401);
  assert.equal((await reuse.json()).code, "refresh_reused");
  const access = await browser.fetch("/api/me/");
  assert.equal(access.status, 401);
  assert.equal((await access.json()).code, "session_revoked");
  const refresh = await browser.post("/auth/refresh");
  assert.equal(refresh.status, 401);
  assert.equal((await refresh.json()).code, "session_revoked");
});

Deno.test("after logout every door is shut", async () => {
  await using house = await openHouse({ mode: "assertion" });
  const browser = new BrowserClient(house.gateway.url);
  await browser.signIn(ada.username, ada.password);
  const before = browser.copy();
  assert.equal(await status(browser.post("/auth/logout")), 204);
  assert.equal(browser.cookies.size, 0);
  assert.equal(await status(before.fetch("/api/me/")), 401);
  assert.equal(await status(before.post("/auth/refresh")), 401);
  assert.equal(
    await status(fetch(`${house.gateway.url}/api/me/`, {
      headers: { authorization: `Bearer ${before.cookie("access")}` },
    })),
    401,
  );
});

Deno.test("a wrong password is Django's word, told in Postern's", async () => {
  await using house = await openHouse({ mode: "assertion" });
  const response = await fetch(`${house.gateway.url}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "ada", password: "wrong" }),
  });
  assert.equal(response.status, 401);
  assert.equal((await response.json()).code, "invalid_credentials");
});

async function status(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
