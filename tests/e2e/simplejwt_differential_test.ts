/**
 * The same requests to a real Django SimpleJWT (Debian's 5.2.2) and to Postern:
 * the answers must be the same, but for what is listed in `DELIBERATE`.
 */
import fc from "fast-check";
import { sign } from "hono/jwt";
import assert from "node:assert/strict";
import { createUpstreamIdentity } from "../../src/identity/upstream.ts";
import { startDjango, USERS } from "../support/django.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";
import { report } from "../support/report.ts";

const SIGNING_KEY = "the signing key of the shop, 32 bytes or more";
const DAY = 86_400;

/** One of the two, with tokens in every state. */
interface Side {
  readonly url: string;
  readonly tokens: Readonly<Record<string, string>>;
}

interface Ask {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `@name` stands for a token of that name, `@@` for nothing. */
  readonly body?: string | undefined;
}

interface Heard {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | null>>;
}

/** Where Postern means to answer otherwise, and why. */
const DELIBERATE: readonly { readonly name: string; readonly why: string }[] = [
  {
    name: "GET /api/me/ with access of a session that was signed out",
    why: "sign-out ends the access token too; SimpleJWT lets it live until it expires",
  },
  {
    name: "verify: access of a session that was signed out",
    why: "sign-out ends the access token too; SimpleJWT lets it live until it expires",
  },
  {
    name: "verify: token without a type",
    why: "a token that does not say what it is could be used as either (RFC 8725 section 3.11)",
  },
  {
    name: "GET /api/me/ with token without a type",
    why: "the words: Postern reads no type as the wrong type",
  },
  { name: "refresh: token without a type", why: "the words: no type is the wrong type" },
  { name: "blacklist: token without a type", why: "the words: no type is the wrong type" },
  { name: "refresh: token without jti", why: "the words: to Postern it is simply not valid" },
  { name: "blacklist: token without jti", why: "the words: to Postern it is simply not valid" },
  { name: "verify: token without jti", why: "the words: to Postern it is simply not valid" },
  {
    name: "GET /api/me/ with token without jti",
    why: "the words: to Postern it is simply not valid",
  },
  {
    name: "verify: token of an unknown type",
    why: "Postern signs no sliding tokens, so it vouches for none",
  },
  { name: "refresh: token without exp", why: "the words: to Postern it is simply not valid" },
  { name: "blacklist: token without exp", why: "the words: to Postern it is simply not valid" },
  { name: "verify: token without exp", why: "the words: to Postern it is simply not valid" },
  {
    name: "GET /api/me/ with token without exp",
    why: "the words: to Postern it is simply not valid",
  },
  {
    name: "refresh: spent refresh",
    why: "while nobody has used its successor, an answer was lost: the same successor again",
  },
  {
    name: "GET /api/me/ with bearer (small letters)",
    why: "the scheme is case-insensitive (RFC 9110 section 11.1)",
  },
];

/** What stands in an answer and is never the same twice. */
function mask(body: string): string {
  return body
    .replaceAll(/[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{10,}/g, "<token>")
    // The parsers' own words after it are Python's and JavaScript's.
    .replace(/(JSON parse error - |Multipart form parse error - ).*(?="\})/, "$1…");
}

function canonical(text: string): string {
  try {
    const sorted = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(sorted)
        : typeof value === "object" && value !== null
        ? Object.fromEntries(
          Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, sorted(v)]),
        )
        : value;
    return JSON.stringify(sorted(JSON.parse(text)));
  } catch {
    return text;
  }
}

/** gunicorn may leave the end of an unread upload in a connection that it keeps. */
let fresh: Deno.HttpClient;

async function hear(side: Side, ask: Ask): Promise<Heard> {
  const fill = (text: string) =>
    text.replaceAll(/@(\w+)/g, (whole, name) => side.tokens[name] ?? whole);
  const response = await fetch(side.url + ask.path, {
    method: ask.method,
    headers: Object.fromEntries(
      Object.entries(ask.headers).map(([name, value]) => [name, fill(value)]),
    ),
    redirect: "manual",
    client: fresh,
    ...(ask.body === undefined ? {} : { body: new TextEncoder().encode(fill(ask.body)) }),
  });
  const resource = !ask.path.startsWith("/api/token/");
  return {
    status: response.status,
    // What a view behind it says of itself is not compared.
    body: resource && response.ok ? "" : mask(canonical(await response.text())),
    headers: {
      "content-type": response.headers.get("content-type"),
      "www-authenticate": response.headers.get("www-authenticate"),
      "allow": resource ? null : response.headers.get("allow"),
    },
  };
}

const json = (name: string, path: string, value: unknown): Ask => ({
  name,
  method: "POST",
  path,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});

const raw = (name: string, path: string, type: string | null, body: string): Ask => ({
  name,
  method: "POST",
  path,
  headers: type === null ? {} : { "content-type": type },
  body,
});

const ENDPOINTS = {
  login: { path: "/api/token/", fields: ["username", "password"] },
  refresh: { path: "/api/token/refresh/", fields: ["refresh"] },
  verify: { path: "/api/token/verify/", fields: ["token"] },
  blacklist: { path: "/api/token/blacklist/", fields: ["refresh"] },
} as const;

/** Tokens that are refused whatever they are asked for, or change nothing. */
const STATES: readonly (readonly [words: string, token: string])[] = [
  ["access", "access"],
  ["spent refresh", "spent"],
  ["blacklisted refresh", "blacklisted"],
  ["access of a session that was signed out", "orphan"],
  ["expired access", "expiredAccess"],
  ["expired refresh", "expiredRefresh"],
  ["token of another key", "foreign"],
  ["unsigned token", "unsigned"],
  ["token whose payload was changed", "tampered"],
  ["token without exp", "noExp"],
  ["token without jti", "noJti"],
  ["token without a type", "noType"],
  ["token of an unknown type", "oddType"],
  ["cut-off token", "cut"],
  ["text with white space around an access token", "spaced"],
];

function handPicked(): Ask[] {
  const asks: Ask[] = [];
  for (const [name, { path, fields }] of Object.entries(ENDPOINTS)) {
    for (const method of ["GET", "PUT", "PATCH", "DELETE", "HEAD"]) {
      asks.push({ name: `${method} ${path}`, method, path, headers: {} });
    }
    const field = fields[0];
    const values: unknown[] = [
      null,
      "",
      "   ",
      7,
      1.5,
      true,
      false,
      [],
      ["x"],
      {},
      "x",
      "a.b.c",
      "ü\u0000",
      "\t",
    ];
    for (const value of values) {
      asks.push(json(`${name}: ${JSON.stringify(value)}`, path, { [field]: value }));
    }
    for (
      const body of [
        "",
        "{",
        "[]",
        "null",
        "7",
        "1.5",
        '"x"',
        "true",
        "[1]",
        "{}",
        '{"a":}',
        "NaN",
        "\u0000",
      ]
    ) {
      asks.push(raw(`${name}: JSON ${JSON.stringify(body)}`, path, "application/json", body));
    }
    const form = fields.map((each) => `${each}=x`).join("&");
    const types = [
      "application/x-www-form-urlencoded",
      "text/plain",
      "application/xml",
      "text/plain; charset=utf-8",
    ];
    for (const type of types) asks.push(raw(`${name}: ${type}`, path, type, form));
    asks.push(raw(`${name}: an empty form`, path, "application/x-www-form-urlencoded", "other=1"));
    asks.push(
      raw(`${name}: blank in a form`, path, "application/x-www-form-urlencoded", `${field}=`),
    );
    asks.push(
      raw(
        `${name}: twice in a form`,
        path,
        "application/x-www-form-urlencoded",
        `${form}&${field}=`,
      ),
    );
    asks.push(
      raw(
        `${name}: JSON with a charset`,
        path,
        "application/json; charset=utf-8",
        `{"${field}":"x"}`,
      ),
    );
    const part = fields.map((each) =>
      `--b\r\ncontent-disposition: form-data; name="${each}"\r\n\r\nx\r\n`
    ).join("");
    asks.push(
      raw(`${name}: multipart`, path, "multipart/form-data; boundary=b", `${part}--b--\r\n`),
    );
    asks.push(raw(`${name}: multipart without a boundary`, path, "multipart/form-data", part));
    const file = `--b\r\ncontent-disposition: form-data; name="${field}"; filename="f"\r\n` +
      `content-type: text/plain\r\n\r\nx\r\n--b--\r\n`;
    asks.push(raw(`${name}: a file as a field`, path, "multipart/form-data; boundary=b", file));
  }
  for (const [words, token] of STATES) {
    for (const name of ["refresh", "verify", "blacklist"] as const) {
      const { path, fields } = ENDPOINTS[name];
      asks.push(json(`${name}: ${words}`, path, { [fields[0]]: `@${token}` }));
    }
    if (token !== "spaced") {
      asks.push({
        name: `GET /api/me/ with ${words}`,
        method: "GET",
        path: "/api/me/",
        headers: { authorization: `Bearer @${token}` },
      });
    }
  }
  asks.push(json("verify: refresh", "/api/token/verify/", { token: "@refresh" }));
  const wrong = [
    { username: "ada", password: "wrong" },
    { username: "nobody", password: "x" },
    { username: " ada ", password: USERS.ada.password },
    { username: "ada", password: `${USERS.ada.password} ` },
    { username: "ADA", password: USERS.ada.password },
    { ...USERS.ada, more: 1 },
    USERS.bob,
  ];
  for (const body of wrong) asks.push(json(`login: ${JSON.stringify(body)}`, "/api/token/", body));
  const authorizations: readonly (readonly [string, string | null])[] = [
    ["nothing", null],
    ["Bearer and nothing", "Bearer"],
    ["Bearer and two words", "Bearer a b"],
    ["Bearer and no token", "Bearer x"],
    ["another scheme", "Token x"],
    ["a refresh token", "Bearer @refresh"],
    ["bearer (small letters)", "bearer @access"],
  ];
  for (const [words, authorization] of authorizations) {
    asks.push({
      name: `GET /api/me/ with ${words}`,
      method: "GET",
      path: "/api/me/",
      headers: authorization === null ? {} : { authorization },
    });
  }
  return asks;
}

/** Bodies that nobody would have thought of. */
function generated(): Ask[] {
  const value = fc.oneof(
    fc.constantFrom("@access", "@spent", "@expiredRefresh", "@foreign", null, "", " ", "x"),
    fc.string({ maxLength: 8 }),
    fc.jsonValue({ maxDepth: 1 }),
  );
  const name = fc.constantFrom("username", "password", "refresh", "token", "access", "x");
  const endpoint = fc.constantFrom(...Object.values(ENDPOINTS).map(({ path }) => path));
  const asks = fc.oneof(
    fc.tuple(endpoint, fc.dictionary(name, value, { maxKeys: 3 })).map(([path, body]) =>
      json(`${path} ${JSON.stringify(body)}`, path, body)
    ),
    fc.tuple(endpoint, fc.array(fc.tuple(name, fc.string({ maxLength: 6 })), { maxLength: 3 }))
      .map(([path, pairs]) => {
        const body = String(new URLSearchParams(pairs as [string, string][]));
        return raw(`${path} ${body}`, path, "application/x-www-form-urlencoded", body);
      }),
  );
  return fc.sample(asks, { numRuns: 250, seed: 20261124 });
}

type Forge = (payload: Record<string, unknown>) => Promise<string>;

/** Puts tokens into every state there is. */
async function prepare(
  url: string,
  forge: Forge,
  common: Readonly<Record<string, unknown>>,
): Promise<Side> {
  const post = async (path: string, body: unknown) => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
    return await response.json() as { access: string; refresh: string };
  };
  const signIn = () => post("/api/token/", USERS.ada);
  const live = await signIn();
  const rotated = await signIn();
  await post("/api/token/refresh/", { refresh: rotated.refresh });
  const ended = await signIn();
  await post("/api/token/blacklist/", { refresh: ended.refresh });
  const now = Math.floor(Date.now() / 1000);
  const good = {
    ...common,
    token_type: "access",
    jti: crypto.randomUUID(),
    iat: now - 100,
    exp: now + DAY,
  };
  const without = (...names: string[]) =>
    Object.fromEntries(Object.entries(good).filter(([name]) => !names.includes(name)));
  const [header = "", payload = "", signature = ""] = live.access.split(".");
  const changed = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
  const base64url = (value: unknown) =>
    btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return {
    url,
    tokens: {
      access: live.access,
      refresh: live.refresh,
      spent: rotated.refresh,
      blacklisted: ended.refresh,
      orphan: ended.access,
      expiredAccess: await forge({ ...good, exp: now - 60 }),
      expiredRefresh: await forge({ ...good, token_type: "refresh", exp: now - 60 }),
      foreign: await sign(
        { ...good },
        "another key, which is also long enough",
        "HS256",
      ),
      unsigned: `${base64url({ alg: "none", typ: "JWT" })}.${base64url(good)}.`,
      tampered: `${header}.${base64url({ ...changed, user_id: 2, sub: "2" })}.${signature}`,
      noExp: await forge(without("exp")),
      noJti: await forge(without("jti")),
      noType: await forge(without("token_type")),
      oddType: await forge({ ...good, token_type: "sliding" }),
      cut: live.access.slice(0, -12),
      spaced: `  ${live.access} `,
    },
  };
}

Deno.test("SimpleJWT 5.2 and Postern answer the same", async () => {
  await using django = await startDjango({
    mode: "native",
    rotateRefreshTokens: true,
    blacklistAfterRotation: true,
    signingKey: SIGNING_KEY,
  });
  fresh = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const backend = startUpstream();
  const gateway: TestGateway = await startGateway({
    identity: createUpstreamIdentity({
      url: `${django.url}/api/token/`,
      format: "json",
      usernameField: "username",
      passwordField: "password",
      token: "/access",
      subject: "/user_id",
      claims: {},
      timeoutMs: 10_000,
      maxBytes: 65_536,
    }, { fetch }),
    config: {
      compat: "5.2",
      tokens: { subjectClaim: "user_id", rotationGrace: "0s" },
      throttle: { perUser: 10_000, perAddress: 10_000 },
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app" }],
    },
  });
  try {
    const { signing } = gateway.keys;
    const theirs = await prepare(
      django.url,
      (payload) => sign(payload, SIGNING_KEY, "HS256"),
      { user_id: 1 },
    );
    const ours = await prepare(
      gateway.url,
      (payload) => sign(payload, signing.signKey, signing.alg),
      {
        iss: gateway.url,
        aud: gateway.url,
        sub: "1",
        user_id: "1",
        sid: "01890a5d-ac96-774b-bcce-b302099a8057",
      },
    );
    const asks = [...handPicked(), ...generated()];
    const deliberate = new Set(DELIBERATE.map(({ name }) => name));
    const differences: string[] = [];
    const met = new Set<string>();
    for (const ask of asks) {
      const [django, postern] = [await hear(theirs, ask), await hear(ours, ask)];
      if (JSON.stringify(django) === JSON.stringify(postern)) continue;
      if (deliberate.has(ask.name)) met.add(ask.name);
      else {
        differences.push(
          `${ask.name}\n  Django:  ${JSON.stringify(django)}\n  Postern: ${
            JSON.stringify(postern)
          }`,
        );
      }
    }
    report(
      `${asks.length} requests: ${asks.length - met.size - differences.length} answered alike, ` +
        `${met.size} different on purpose, ${differences.length} by mistake`,
    );
    assert.equal(differences.length, 0, differences.join("\n"));
    assert.deepEqual([...deliberate].filter((name) => !met.has(name)), [], "listed, but the same");
  } finally {
    fresh.close();
    await gateway.stop();
    await backend.stop();
  }
});
