/**
 * Postern takes over from SimpleJWT: nobody is signed out, and front ends
 * written for it go on working.
 */
import axios from "axios";
import type { InternalAxiosRequestConfig } from "axios";
import { sign } from "hono/jwt";
import assert from "node:assert/strict";
import { importLegacyKey } from "../../src/tokens/legacy.ts";
import { freePort, startDjango, USERS } from "../support/django.ts";
import type { Django, DjangoOptions } from "../support/django.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";
import type { RecordingUpstream } from "../support/upstream.ts";

const SIGNING_KEY = "the signing key of the shop, 32 bytes or more";

interface Pair {
  readonly access: string;
  readonly refresh: string;
}

interface Move {
  readonly django: Django;
  readonly gateway: TestGateway;
  readonly upstream: RecordingUpstream;
}

/** A Django that used to issue tokens, and the Postern that took its place. */
async function afterTheMove(
  act: (move: Move) => Promise<void>,
  options: {
    readonly django?: Partial<DjangoOptions>;
    readonly legacyKey?: string;
    readonly legacy?: Readonly<Record<string, unknown>>;
    readonly recheck?: boolean;
  } = {},
): Promise<void> {
  await using django = await startDjango({
    mode: "native",
    signingKey: SIGNING_KEY,
    tokenClaims: true,
    rotateRefreshTokens: true,
    blacklistAfterRotation: true,
    ...options.django,
  });
  const upstream = startUpstream();
  const gateway = await startGateway({
    legacyKey: options.legacyKey ?? SIGNING_KEY,
    config: {
      compat: "5.2",
      identity: {
        kind: "upstream",
        url: `${django.url}/api/token/`,
        token: "/access",
        subject: "/user_id",
        claims: { scope: "/scope", username: "/username" },
        ...(options.recheck === true
          ? {
            recheck: {
              url: `${django.url}/recheck/`,
              claims: { scope: "/permissions", username: "/username" },
            },
          }
          : {}),
      },
      tokens: {
        subjectClaim: "user_id",
        legacy: { claims: { scope: "/scope", username: "/username" }, ...options.legacy },
      },
      upstreams: { app: { targets: [upstream.url] } },
      routes: [
        { path: "/strict/*", upstream: "app", revocation: "strict" },
        { path: "/users/*", upstream: "app", require: { scope: ["auth.view_user"] } },
        { path: "/*", upstream: "app" },
      ],
    },
  });
  try {
    await act({ django, gateway, upstream });
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

async function post(url: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

async function signIn(base: string, user = USERS.bob as { username: string; password: string }) {
  const { status, body } = await post(`${base}/api/token/`, user);
  assert.equal(status, 200);
  return body as Pair;
}

async function get(url: string, token: string): Promise<number> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  await response.body?.cancel();
  return response.status;
}

Deno.test("tokens from before the move are good until they expire", async () => {
  await afterTheMove(async ({ django, gateway, upstream }) => {
    const { access, refresh } = await signIn(django.url);
    for (const path of ["/api", "/strict/api", "/users/1"]) {
      assert.equal(await get(gateway.url + path, access), 200, path);
    }
    const seen = upstream.seen.at(-1)?.headers;
    assert.equal(seen?.get("x-auth-subject"), "2");
    assert.equal(seen?.get("x-auth-username"), "bob");
    assert.equal(seen?.get("x-auth-scope"), "auth.view_user");
    assert.equal(seen?.get("authorization"), null);
    assert.equal(await get(`${gateway.url}/api`, refresh), 401, "a refresh token opens nothing");
    assert.deepEqual(await post(`${gateway.url}/api/token/verify/`, { token: access }), {
      status: 200,
      body: {},
    });
    gateway.clock.advance(3600_000);
    assert.equal(await get(`${gateway.url}/api`, access), 401);
  });
});

Deno.test("an old refresh token is exchanged once for a session, also by many at once", async () => {
  await afterTheMove(async ({ django, gateway }) => {
    const { refresh } = await signIn(django.url);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(`${gateway.url}/api/token/refresh/`, { refresh })),
    );
    assert.deepEqual(answers.map(({ status }) => status), Array(20).fill(200));
    const successors = new Set(answers.map(({ body }) => (body as Pair).refresh));
    assert.equal(successors.size, 1, "one successor for everybody");
    const next = answers[0]?.body as Pair;
    assert.equal(await get(`${gateway.url}/users/1`, next.access), 200, "claims came along");
    assert.deepEqual(await post(`${gateway.url}/api/token/verify/`, { token: refresh }), {
      status: 400,
      body: { non_field_errors: ["Token is blacklisted"] },
    });
    assert.equal(
      (await post(`${gateway.url}/api/token/refresh/`, { refresh: next.refresh })).status,
      200,
      "the session goes on",
    );
    gateway.clock.advance(11_000);
    assert.deepEqual(await post(`${gateway.url}/api/token/refresh/`, { refresh }), {
      status: 401,
      body: { detail: "Token is blacklisted", code: "token_not_valid" },
    });
    assert.equal(await get(`${gateway.url}/api`, next.access), 401, "reuse ends the family");
    gateway.clock.advance(12 * 3600_000);
    assert.equal((await post(`${gateway.url}/api/token/refresh/`, { refresh })).status, 401);
  });
});

Deno.test("an old token can be signed out, blacklisted and revoked like any other", async () => {
  await afterTheMove(async ({ django, gateway }) => {
    const first = await signIn(django.url);
    const { status } = await post(`${gateway.url}/api/token/blacklist/`, {
      refresh: first.refresh,
    });
    assert.equal(status, 200);
    assert.equal((await post(`${gateway.url}/api/token/refresh/`, first)).status, 401);

    const second = await signIn(django.url);
    const out = await fetch(`${gateway.url}/auth/logout`, {
      method: "POST",
      headers: { authorization: `Bearer ${second.access}` },
    });
    assert.equal(out.status, 204);
    assert.equal(await get(`${gateway.url}/api`, second.access), 401);
    assert.equal(await get(`${gateway.url}/strict/api`, second.access), 401);

    const third = await signIn(django.url);
    const everywhere = await fetch(`${gateway.url}/auth/logout/all`, {
      method: "POST",
      headers: { authorization: `Bearer ${third.access}` },
    });
    assert.equal(everywhere.status, 204);
    assert.equal(await get(`${gateway.url}/api`, third.access), 401);
    assert.equal((await post(`${gateway.url}/api/token/refresh/`, third)).status, 401);
  });
});

Deno.test("what Django had blacklisted stays so, where Postern is told to ask", async () => {
  let url = "";
  await using django = await startDjango({
    mode: "native",
    signingKey: SIGNING_KEY,
    rotateRefreshTokens: true,
    blacklistAfterRotation: true,
  });
  url = `${django.url}/api/token/verify/`;
  await afterTheMove(async ({ gateway }) => {
    const { refresh } = await signIn(django.url);
    const rotated = await post(`${django.url}/api/token/refresh/`, { refresh });
    assert.equal((await post(`${gateway.url}/api/token/refresh/`, { refresh })).status, 401);
    const live = (rotated.body as Pair).refresh;
    await django.stop();
    const down = await post(`${gateway.url}/api/token/refresh/`, { refresh: live });
    assert.equal(down.status, 503, "nothing is decided while Django can not be asked");
  }, { legacy: { verifyUrl: url } });
});

Deno.test("a key that is not Django's, another algorithm and a missing exp open nothing", async () => {
  await afterTheMove(async ({ gateway }) => {
    const now = Math.floor(Date.now() / 1000);
    const good = { token_type: "access", jti: "a", user_id: 1, iat: now, exp: now + 300 };
    const forged = {
      good: await sign(good, SIGNING_KEY, "HS256"),
      "another key": await sign(good, `${SIGNING_KEY}!`, "HS256"),
      "HS512": await sign(good, SIGNING_KEY, "HS512"),
      "no exp": await sign({ ...good, exp: undefined as never }, SIGNING_KEY, "HS256"),
      "exp in words": await sign({ ...good, exp: "2099" as never }, SIGNING_KEY, "HS256"),
      "no user": await sign({ ...good, user_id: undefined }, SIGNING_KEY, "HS256"),
      "a user that is a list": await sign({ ...good, user_id: [1] }, SIGNING_KEY, "HS256"),
      "from the future": await sign({ ...good, iat: now + 600 }, SIGNING_KEY, "HS256"),
      "no jti": await sign({ ...good, jti: "" }, SIGNING_KEY, "HS256"),
      "refresh": await sign({ ...good, token_type: "refresh" }, SIGNING_KEY, "HS256"),
    };
    for (const [name, token] of Object.entries(forged)) {
      assert.equal(await get(`${gateway.url}/api`, token), name === "good" ? 200 : 401, name);
    }
  });
});

Deno.test("a public key of Django's is enough", async () => {
  const pair = await crypto.subtle.generateKey(
    {
      name: "RSASSA-PKCS1-v1_5",
      hash: "SHA-256",
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    true,
    ["sign", "verify"],
  );
  const pem = async (kind: "spki" | "pkcs8", key: CryptoKey) => {
    const name = kind === "spki" ? "PUBLIC" : "PRIVATE";
    const base64 = new Uint8Array(await crypto.subtle.exportKey(kind, key)).toBase64();
    return `-----BEGIN ${name} KEY-----\n${
      base64.replaceAll(/.{64}/g, "$&\n")
    }\n-----END ${name} KEY-----\n`;
  };
  const publicKey = await pem("spki", pair.publicKey);
  await afterTheMove(async ({ django, gateway }) => {
    const { access, refresh } = await signIn(django.url);
    assert.equal(await get(`${gateway.url}/api`, access), 200);
    assert.equal((await post(`${gateway.url}/api/token/refresh/`, { refresh })).status, 200);
  }, {
    django: {
      algorithm: "RS256",
      signingKey: await pem("pkcs8", pair.privateKey),
      verifyingKey: publicKey,
    },
    legacy: { alg: "RS256" },
    legacyKey: publicKey,
  });
});

Deno.test("a legacy key that is missing, short or broken is named, and not repeated", async () => {
  const config = {
    userIdClaim: "user_id",
    issuer: null,
    audience: null,
    claims: {},
    verifyUrl: null,
  };
  const attempts = [
    [{ ...config, alg: "HS256" }, undefined, /^POSTERN_LEGACY_KEY: is required/],
    [{ ...config, alg: "HS256" }, "hunter2", /^POSTERN_LEGACY_KEY: the secret has 7 bytes/],
    [{ ...config, alg: "RS256" }, "hunter2", /^POSTERN_LEGACY_KEY: is not a public RS256 key/],
  ] as const;
  for (const [legacy, key, message] of attempts) {
    await assert.rejects(importLegacyKey(legacy, key), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});

Deno.test("a user who was disabled is refused at the next rotation, and claims are fresh until then", async () => {
  await afterTheMove(async ({ django, gateway, upstream }) => {
    const first = await signIn(gateway.url);
    await django.users([{ username: "bob", permissions: [] }]);
    const second = await post(`${gateway.url}/api/token/refresh/`, first);
    const pair = second.body as Pair;
    assert.equal(await get(`${gateway.url}/api`, pair.access), 200);
    assert.equal(upstream.seen.at(-1)?.headers.get("x-auth-scope") ?? "", "");
    assert.equal(await get(`${gateway.url}/users/1`, pair.access), 403);

    await django.users([{ username: "bob", active: false }]);
    assert.deepEqual(await post(`${gateway.url}/api/token/refresh/`, pair), {
      status: 401,
      body: { detail: "No active account found for the given token." },
    });
    assert.equal(await get(`${gateway.url}/api`, pair.access), 401, "at once");
    // A token from before the move is no way around it.
    const ada = await signIn(django.url, USERS.ada);
    await django.users([{ username: "ada", deleted: true }]);
    assert.equal((await post(`${gateway.url}/api/token/refresh/`, ada)).status, 401);
  }, { recheck: true });
});

Deno.test("while the backend can not be asked nobody is signed out, and nobody rotates", async () => {
  await afterTheMove(async ({ django, gateway }) => {
    const pair = await signIn(gateway.url);
    await django.stop();
    assert.equal((await post(`${gateway.url}/api/token/refresh/`, pair)).status, 503);
    assert.equal(await get(`${gateway.url}/api`, pair.access), 200, "the session stands");
    const { events } = gateway;
    assert.ok(events.some(({ event }) => event.event === "identity_unavailable"));
  }, { recheck: true });
});

/** The interceptor as it stands in countless front ends. */
function frontEnd(base: string) {
  const storage = new Map<string, string>();
  const refreshed: number[] = [];
  const api = axios.create({ baseURL: base });
  api.interceptors.request.use((config) => {
    const access = storage.get("access");
    if (access !== undefined) config.headers.Authorization = `Bearer ${access}`;
    return config;
  });
  api.interceptors.response.use((response) => response, async (error) => {
    const original = error.config as InternalAxiosRequestConfig & { _retry?: boolean };
    const isExpired = error.response?.status === 401 &&
      error.response.data.code === "token_not_valid";
    if (!isExpired || original._retry === true) throw error;
    original._retry = true;
    const { data } = await axios.post(`${base}/api/token/refresh/`, {
      refresh: storage.get("refresh"),
    });
    refreshed.push(Date.now());
    storage.set("access", data.access);
    if (data.refresh !== undefined) storage.set("refresh", data.refresh);
    return await api(original);
  });
  return {
    api,
    storage,
    refreshed,
    async signIn(user: { username: string; password: string }) {
      const { data } = await axios.post(`${base}/api/token/`, user);
      storage.set("access", data.access);
      storage.set("refresh", data.refresh);
    },
  };
}

for (const server of ["Django", "Postern"] as const) {
  Deno.test(`an axios front end with the usual refresh interceptor works against ${server}`, async () => {
    const port = freePort();
    await using django = await startDjango({
      mode: "native",
      signingKey: SIGNING_KEY,
      rotateRefreshTokens: true,
      blacklistAfterRotation: true,
      accessSeconds: 3,
      tokenClaims: true,
    });
    await using backend = await startDjango({
      mode: "assertion",
      jwksUrl: `http://127.0.0.1:${port}/.well-known/jwks.json`,
      issuer: `http://localhost:${port}`,
      audience: "app",
    });
    const gateway = await startGateway({
      port,
      config: {
        compat: "simplejwt",
        identity: {
          kind: "upstream",
          url: `${django.url}/api/token/`,
          token: "/access",
          subject: "/user_id",
          claims: { username: "/username" },
        },
        tokens: { accessTtl: "3s", clockTolerance: "0s", subjectClaim: "user_id" },
        upstreams: { app: { targets: [backend.url], assertion: true } },
        routes: [{ path: "/*", upstream: "app" }],
      },
    });
    try {
      const { api, storage, refreshed, ...app } = frontEnd(
        server === "Django" ? django.url : gateway.url,
      );
      await assert.rejects(app.signIn({ username: "ada", password: "wrong" }), (error: unknown) => {
        assert.ok(axios.isAxiosError(error));
        assert.equal(error.response?.status, 401);
        assert.match(error.response?.data.detail, /No active account/);
        return true;
      });
      await app.signIn(USERS.ada);
      assert.equal((await api.get("/api/me/")).data.username, "ada");
      await new Promise((resolve) => setTimeout(resolve, 4_100));
      assert.equal((await api.get("/api/me/")).data.username, "ada");
      assert.ok(refreshed.length >= 1, "it has refreshed");
      assert.equal((await api.post("/api/items/", { a: 1 })).status, 201);
      await api.post("/api/token/blacklist/", { refresh: storage.get("refresh") });
      await new Promise((resolve) => setTimeout(resolve, 4_100));
      await assert.rejects(api.get("/api/me/"), (error: unknown) => {
        assert.ok(axios.isAxiosError(error));
        assert.equal(error.response?.status, 401);
        return true;
      });
    } finally {
      await gateway.stop();
    }
  });
}
