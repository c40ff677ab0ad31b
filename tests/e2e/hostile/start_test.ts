/**
 * It refuses to start unsafe: every setting that would make a promise untrue
 * is named, with what to put there.
 */
import assert from "node:assert/strict";
import { generateKeySet } from "../../../src/tokens/key_ring.ts";
import { runToEnd, startGatewayProcess } from "../../support/gateway_process.ts";
import { freePort } from "../../support/ports.ts";
import { startRawUpstream } from "../../support/raw_upstream.ts";
import { HOST, ORIGIN, startLoginEndpoint, startStand, usualConfig } from "../../support/stand.ts";
import { RUNTIMES } from "../../support/stand.ts";
import { until } from "../../support/until.ts";
import { exchange } from "../../support/wire.ts";

const KEYS = JSON.stringify(await generateKeySet());

/** Ends at once either way: what would start can not have the address. */
const tryToStart = (
  config: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
  command = "start",
) =>
  runToEnd([command], {
    POSTERN_KEYS: KEYS,
    POSTERN_HOST: "192.0.2.1",
    POSTERN_PORT: "8",
    POSTERN_CONFIG: JSON.stringify({
      ...usualConfig("http://127.0.0.1:9", "http://127.0.0.1:9/login"),
      ...config,
    }),
    ...env,
  });

/** Whether nothing but that address kept it from starting. */
const wouldStart = (output: string) =>
  /^Postern does not start:\n {2}POSTERN_HOST: "192\.0\.2\.1" [^\n]*\n$/.test(output);

const app = { targets: ["http://127.0.0.1:9"] };
const identity = {
  kind: "upstream",
  url: "http://127.0.0.1:9/login",
  subject: "/user/id",
  claims: { scope: "/user/permissions" },
};

/** What must not start, and the setting that the message names. */
const UNSAFE: Readonly<
  Record<string, readonly [Record<string, unknown>, RegExp, Record<string, string>?]>
> = {
  "passwords in clear to a remote login endpoint": [
    { identity: { ...identity, url: "http://login.example.net/login" } },
    /identity\.url/,
  ],
  "passwords in clear to an address outside": [
    { identity: { ...identity, url: "http://203.0.113.5/login" } },
    /identity\.url/,
  ],
  "the store's token in clear": [
    { store: { kind: "upstash" } },
    /UPSTASH_REDIS_REST_URL/,
    { UPSTASH_REDIS_REST_URL: "http://10.255.255.1", UPSTASH_REDIS_REST_TOKEN: "t" },
  ],
  "a key of zero bytes": [
    {},
    /POSTERN_KEYS/,
    {
      POSTERN_KEYS: JSON.stringify({
        keys: [{ kty: "oct", alg: "HS256", kid: "z", k: btoa("\0".repeat(32)).replace(/=+$/, "") }],
      }),
    },
  ],
  "a key of one repeated byte": [
    {},
    /POSTERN_KEYS/,
    {
      POSTERN_KEYS: JSON.stringify({
        keys: [{ kty: "oct", alg: "HS256", kid: "z", k: btoa("a".repeat(32)).replace(/=+$/, "") }],
      }),
    },
  ],
  "a route after one that takes everything": [
    {
      routes: [{ path: "/*", upstream: "app", auth: "none" }, {
        path: "/admin/*",
        upstream: "app",
      }],
    },
    /routes\[1\]/,
  ],
  "a route hidden by one with a parameter": [
    {
      routes: [
        { path: "/u/*", upstream: "app", auth: "none" },
        { path: "/u/:id/secret", upstream: "app" },
      ],
    },
    /routes\[1\]/,
  ],
  "a claim that would be X-Auth-Subject": [
    { identity: { ...identity, claims: { subject: "/user/display" } } },
    /identity\.claims\.subject/,
  ],
  "a claim that would be X-Auth-Session": [
    { identity: { ...identity, claims: { session: "/user/x" } } },
    /identity\.claims\.session/,
  ],
  "a claim that would be X-Auth-Assertion": [
    { identity: { ...identity, claims: { ASSERTION: "/user/x" } } },
    /identity\.claims\.ASSERTION/,
  ],
  ...Object.fromEntries(
    ["X-Auth-Subject", "Host", "Cookie", "Connection", "Transfer-Encoding", "X-Forwarded-For"]
      .concat(["Content-Length", "Authorization", "X-AUTH-scope", "Forwarded", "Upgrade", "TE"])
      .map((name) => [
        `an identity header named ${name}`,
        [{ upstreams: { app: { ...app, headers: { [name]: "sub" } } } }, /upstreams\.app\.headers/],
      ]),
  ),
  ...Object.fromEntries(
    ["X-Auth-Subject", "x-auth-anything", "Authorization", "Cookie", "Host", "Transfer-Encoding"]
      .concat(["Connection", "X-CSRF-Token", "Content-Length"])
      .map((name) => [
        `a route that lets ${name} pass`,
        [
          { routes: [{ path: "/*", upstream: "app", passHeaders: [name] }] },
          /routes\[0\]\.passHeaders/,
        ],
      ]),
  ),
  "two settings that make one header": [
    { upstreams: { app: { ...app, headers: { "Remote-User": "sub", "remote-user": "scope" } } } },
    /upstreams\.app\.headers/,
  ],
  "header limits beyond the runtime's own": [
    { limits: { headerBytes: "256KiB", headerCount: 1000 } },
    /limits\.header/,
  ],
  "access tokens for an upstream's audience": [
    { tokens: { audience: "app" }, upstreams: { app: { ...app, assertion: true } } },
    /tokens\.audience/,
  ],
};

Deno.test("what is unsafe does not start, and says which setting it is", async () => {
  const started: string[] = [];
  const entries = Object.entries(UNSAFE);
  for (let at = 0; at < entries.length; at += 4) {
    await Promise.all(
      entries.slice(at, at + 4).map(async ([what, [config, names, env]]) => {
        const { output, code } = await tryToStart(config, env);
        if (code === 0 || !names.test(output) || /\bat .*\.ts:\d+:\d+/.test(output)) {
          started.push(`${what}: ${output.slice(0, 160)}`);
        }
      }),
    );
  }
  assert.deepEqual(started, []);
});

Deno.test("what is only near by starts", async () => {
  const refused: string[] = [];
  for (
    const [what, config] of Object.entries({
      "plain http on this machine": {},
      "plain http to a private name by its address": {
        identity: { ...identity, url: "http://127.0.0.2:8000/login" },
      },
      "an identity header of the backend's own": {
        upstreams: { app: { ...app, headers: { "Remote-User": "sub" } } },
      },
      "routes of one path by method": {
        routes: [
          { path: "/x", methods: ["GET"], upstream: "app", auth: "none" },
          { path: "/x", upstream: "app" },
          { path: "/*", upstream: "app" },
        ],
      },
    })
  ) {
    const { output } = await tryToStart(config);
    if (!wouldStart(output)) refused.push(`${what}: ${output.slice(0, 200)}`);
  }
  assert.deepEqual(refused, []);
});

Deno.test("dev mode with its published password listens to this machine alone", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-dev-" });
  const { code, output } = await runToEnd(["dev"], {
    POSTERN_HOST: "0.0.0.0",
    POSTERN_PORT: String(freePort()),
    POSTERN_UPSTREAM: "http://127.0.0.1:9",
    POSTERN_CONFIG: "",
    HOME: folder,
  });
  assert.notEqual(code, 0);
  assert.match(output, /POSTERN_HOST/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a byte order mark and line ends around a secret do not matter", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-bom-" });
  const file = `${folder}/postern.json`;
  const config = usualConfig("http://127.0.0.1:9", "http://127.0.0.1:9/login");
  await Deno.writeTextFile(file, `\uFEFF${JSON.stringify(config)}`);
  const { output } = await tryToStart({}, {
    POSTERN_CONFIG: file,
    POSTERN_KEYS: `${KEYS}\r\n`,
  });
  assert.ok(wouldStart(output), output);
  await Deno.remove(folder, { recursive: true });
});

Deno.test({
  name: "a key with a line end is the key, and one in quotes is refused or read",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const { createHmac } = await import("node:crypto");
    const key = "the signing key of the old Django, long enough to be one";
    const part = (value: unknown) =>
      new TextEncoder().encode(JSON.stringify(value))
        .toBase64({ alphabet: "base64url", omitPadding: true });
    const now = Math.floor(Date.now() / 1000);
    const text = `${part({ alg: "HS256", typ: "JWT" })}.${
      part({ token_type: "access", exp: now + 600, iat: now, jti: "j1", user_id: 7 })
    }`;
    const token = `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
    for (const given of [`${key}\n`, `${key}\r\n`]) {
      const stand = await startStand(RUNTIMES[0]!, {
        config: { tokens: { legacy: {} } },
        env: { POSTERN_LEGACY_KEY: given },
      });
      try {
        const answer = await stand.get("/x", [`Authorization: Bearer ${token}`]);
        assert.equal(answer.status, 200, `${JSON.stringify(given.slice(-3))}: ${answer.text}`);
      } finally {
        await stand.stop();
      }
    }
  },
});

Deno.test({
  name: "HTTP_PROXY in the environment is not obeyed: passwords and identities stay here",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const proxy = await startRawUpstream();
    const stand = await startStand(RUNTIMES[0]!, {
      env: {
        HTTP_PROXY: proxy.url,
        http_proxy: proxy.url,
        HTTPS_PROXY: proxy.url,
        https_proxy: proxy.url,
        ALL_PROXY: proxy.url,
        all_proxy: proxy.url,
      },
    });
    try {
      const bob = await stand.signIn("bob");
      assert.equal((await stand.get("/x", [bob.bearer])).status, 200);
      assert.equal(proxy.everything(), "");
      const wire = await stand.open();
      wire.send(stand.bytes({
        target: "/public/ws",
        headers: [
          ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
      }));
      await wire.next({ limitMs: 3_000 });
      wire.hangUp();
      assert.equal(proxy.everything(), "");
    } finally {
      await stand.stop();
      await proxy.stop();
    }
  },
});

Deno.test({
  name: "files that were there already, and wide open, are closed to others",
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "postern-modes-" });
    const path = `${folder}/.postern`;
    await Deno.mkdir(path, { mode: 0o755 });
    await Deno.chmod(path, 0o755);
    await Deno.writeTextFile(`${path}/p.db`, "", { mode: 0o644 });
    await Deno.chmod(`${path}/p.db`, 0o644);
    const login = startLoginEndpoint();
    const gateway = await startGatewayProcess({
      config: {
        ...usualConfig("http://127.0.0.1:9", login.url),
        store: { kind: "sqlite", path: `${path}/p.db` },
      },
    });
    try {
      await exchange(gateway.port, {
        method: "POST",
        target: "/auth/login",
        headers: ["Content-Type: application/json", `Origin: ${ORIGIN}`],
        body: JSON.stringify({ username: "bob", password: "battery staple" }),
      }, { host: HOST });
      await until(
        async () => {
          for await (const { name } of Deno.readDir(path)) {
            const { mode } = await Deno.stat(`${path}/${name}`);
            if (((mode ?? 0) & 0o077) !== 0) return false;
          }
          return true;
        },
        "no file is readable by others",
        2_000,
      );
    } finally {
      await gateway.stop();
      await login.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
