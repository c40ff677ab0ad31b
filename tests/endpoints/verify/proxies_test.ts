/**
 * The configurations of `deploy/proxies`, with the real programs: what gets in, as
 * whom, and that nothing a client sends changes either.
 */
import assert from "node:assert/strict";
import { startCaddy } from "../../support/caddy.ts";
import { startGateway } from "../../support/gateway.ts";
import type { TestGateway } from "../../support/gateway.ts";
import { startNginx } from "../../support/nginx.ts";
import { startPeer } from "../../support/peer.ts";
import { freePort } from "../../support/ports.ts";
import { startUpstream } from "../../support/upstream.ts";
import type { RecordingUpstream } from "../../support/upstream.ts";
import { send } from "./ask.ts";

const FOLDER = new URL("../../../deploy/proxies/", import.meta.url);

interface Running {
  readonly port: number;
  stop(): Promise<void>;
}

/** A configuration of ours with the addresses of this test in it. */
async function configuration(name: string, postern: number, application: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(name, FOLDER));
  return text.replaceAll("127.0.0.1:8787", `127.0.0.1:${postern}`)
    .replaceAll("127.0.0.1:8000", application);
}

const PROXIES: Record<string, (postern: number, application: string) => Promise<Running>> = {
  nginx: async (postern, application) =>
    await startNginx(await configuration("nginx.conf", postern, application)),
  Caddy: async (postern, application) =>
    await startCaddy(await configuration("Caddyfile", postern, application)),
  HAProxy: async (postern, application) => {
    const [cfg, lua] = await Promise.all([
      configuration("haproxy.cfg", postern, application),
      configuration("haproxy.lua", postern, application),
    ]);
    return await startPeer("haproxy", ({ port, folder }) => ({
      command: "/usr/sbin/haproxy",
      args: ["-db", "-f", `${folder}/haproxy.cfg`],
      files: {
        "haproxy.cfg": cfg.replace("127.0.0.1:8080", `127.0.0.1:${port}`)
          .replace("haproxy.lua", `${folder}/haproxy.lua`),
        "haproxy.lua": lua,
      },
    }));
  },
};

interface Stand {
  readonly gateway: TestGateway;
  readonly port: number;
  readonly host: string;
  readonly upstream: RecordingUpstream;
  readonly cookies: Map<string, string>;
  get(target: string, headers?: readonly string[], method?: string): ReturnType<typeof send>;
}

async function withProxy(name: string, act: (stand: Stand) => Promise<void>): Promise<void> {
  const upstream = startUpstream();
  const postern = freePort();
  const start = PROXIES[name];
  assert.ok(start !== undefined);
  const proxy = await start(postern, new URL(upstream.url).host);
  const host = `localhost:${proxy.port}`;
  const gateway = await startGateway({
    port: postern,
    upstream: upstream.url,
    config: {
      origin: `http://${host}`,
      trustedProxies: ["127.0.0.1"],
      verify: { trustedProxies: ["127.0.0.1"] },
    },
  });
  try {
    // Signed in through the proxy, as a browser would be.
    const response = await fetch(`http://${host}/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: `http://${host}` },
      body: JSON.stringify({ username: "demo", password: "postern" }),
    });
    assert.equal(response.status, 200, await response.text());
    const cookies = new Map(
      response.headers.getSetCookie().map((line) => {
        const [pair = ""] = line.split(";");
        return [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      }),
    );
    await act({
      gateway,
      upstream,
      host,
      port: proxy.port,
      cookies,
      get: (target, headers = [], method = "GET") =>
        send(proxy.port, { method, target, host, headers }),
    });
  } finally {
    await proxy.stop();
    await gateway.stop();
    await upstream.stop();
  }
}

/** What a client could say to be taken for somebody, or for a request, that it is not. */
const SPOOFS: readonly string[][] = [
  ["X-Forwarded-Uri: /public/x"],
  ["X-Forwarded-Method: OPTIONS"],
  ["X-Forwarded-Host: evil.example"],
  ["X-Forwarded-Proto: https"],
  ["X-Forwarded-Prefix: /public"],
  ["X-Forwarded-For: 127.0.0.1"],
  ["X-Forwarded-Server: localhost"],
  ["X-Original-URL: http://localhost/public/x"],
  ["X-Original-URI: /public/x"],
  ["X-Original-Method: OPTIONS"],
  ["X-Rewrite-URL: /public/x"],
  ["X-Envoy-Original-Path: /public/x"],
  ["X-HTTP-Method-Override: OPTIONS"],
  ["X-Real-IP: 127.0.0.1"],
  ["Forwarded: for=127.0.0.1;host=localhost;proto=http"],
  ["X-Auth-Request-Redirect: /public/x"],
  ["X-Auth-Subject: root"],
  ["X-Auth-Session: root"],
  ["X-Auth-Scope: admin"],
  ["X-Auth-Actor: client"],
  ["X-Auth-Client: root"],
  ["X-Auth-Assertion: root"],
  ["X_Auth_Subject: root"],
  ["X.Auth.Subject: root"],
  ["x-auth-SUBJECT: root", "X-Auth-Subject: root"],
  ["X-Verify-Secret: x"],
  ["Connection: close, X-Forwarded-Uri, X-Forwarded-Method", "X-Forwarded-Uri: /public/x"],
  ["Connection: close, X-Auth-Subject", "X-Auth-Subject: root"],
  ["Connection: close, X-Original-URL", "X-Original-URL: http://localhost/public/x"],
];

for (const name of Object.keys(PROXIES)) {
  Deno.test(`${name}: who gets in, as whom, and without a credential`, async () => {
    await withProxy(name, async ({ get, upstream, cookies, host }) => {
      const access = cookies.get("postern-access") ?? "";
      const cookie = `Cookie: theme=dark; postern-access=${access}; postern-refresh=${
        cookies.get("postern-refresh")
      }`;
      assert.equal((await get("/public/a?b=c")).status, 200);
      assert.equal(upstream.seen.at(-1)?.target, "/public/a?b=c");
      assert.equal(upstream.seen.at(-1)?.headers.get("x-auth-subject") ?? "", "");

      assert.equal((await get("/x", [cookie])).status, 200);
      const seen = upstream.seen.at(-1)?.headers;
      assert.equal(seen?.get("x-auth-subject"), "demo");
      assert.equal(seen?.get("x-auth-actor"), "user");
      assert.equal(seen?.get("x-auth-assertion")?.split(".").length, 3);
      assert.equal(seen?.get("cookie"), "theme=dark");

      assert.equal((await get("/x", [`Authorization: Bearer ${access}`])).status, 200);
      assert.equal(upstream.seen.at(-1)?.headers.get("authorization") ?? "", "");
      assert.equal(upstream.seen.at(-1)?.headers.get("x-auth-subject"), "demo");

      const before = upstream.seen.length;
      assert.equal((await get("/x")).status, 401);
      assert.equal((await get("/admin/x", [cookie])).status, 403);
      assert.equal((await get("/x", [cookie, "Content-Length: 0"], "POST")).status, 403);
      for (const target of ["/public/../x", "/public/%2e%2e/x", "//x"]) {
        const { status } = await get(target);
        assert.ok(status >= 400, `${target}: ${status}`);
      }
      const navigation = await get("/x?a=1", ["Sec-Fetch-Mode: navigate"]);
      assert.equal(navigation.status, 302);
      assert.equal(
        navigation.headers.get("location"),
        `http://${host}/auth/login?return_to=${encodeURIComponent("/x?a=1")}`,
      );
      for (const path of ["/auth/verify/forward-auth", "/auth/%76erify/auth-request"]) {
        assert.equal((await get(path, [cookie])).status, 404, path);
      }
      assert.equal(upstream.seen.length, before, "nothing of this reached the application");

      const csrf = `X-CSRF-Token: ${cookies.get("postern-csrf")}`;
      assert.equal((await get("/x", [cookie, csrf, "Content-Length: 0"], "POST")).status, 200);
      assert.equal(upstream.seen.at(-1)?.method, "POST");
    });
  });

  Deno.test(`${name}: Postern's own paths lead to Postern, and the endpoint that is asked to nobody`, async () => {
    await withProxy(name, async ({ host, upstream }) => {
      const ask = (path: string, init: RequestInit = {}) => fetch(`http://${host}${path}`, init);
      const before = upstream.seen.length;
      const body = JSON.stringify({ username: "demo", password: "postern" });
      const headers = { "content-type": "application/json" };
      for (const path of ["/api/token/", "/api/token"]) {
        const pair = await ask(path, { method: "POST", headers, body });
        assert.equal(pair.status, 200, path);
        assert.deepEqual(Object.keys(await pair.json()).toSorted(), ["access", "refresh"]);
      }
      const keys = await ask("/.well-known/jwks.json");
      assert.equal(keys.status, 200);
      assert.ok((await keys.json()).keys.length > 0);
      for (const path of ["/auth/login", "/auth/client.js"]) {
        const page = await ask(path);
        await page.body?.cancel();
        assert.equal(page.status, 200, path);
      }
      for (const dialect of ["forward-auth", "auth-request", "ext-authz/x"]) {
        for (const path of [`/auth/verify/${dialect}`, `/auth/%76erify/${dialect}`]) {
          const closed = await ask(path);
          await closed.body?.cancel();
          assert.ok([400, 401, 403, 404].includes(closed.status), `${path}: ${closed.status}`);
          assert.equal(closed.headers.get("x-auth-subject"), null);
        }
      }
      // What only begins like one of them is the application's, behind the door.
      const other = await ask("/api/tokens");
      await other.body?.cancel();
      assert.equal(other.status, 401);
      assert.equal(upstream.seen.length, before);
    });
  });

  Deno.test(`${name}: no forwarding header from outside gets anybody in, or makes them another`, async () => {
    await withProxy(name, async ({ get, upstream, cookies }) => {
      const cookie = `Cookie: postern-access=${cookies.get("postern-access")}`;
      const around: string[] = [];
      for (const spoof of SPOOFS) {
        const before = upstream.seen.length;
        const anonymous = await get("/x", spoof);
        if (anonymous.status < 300 || upstream.seen.length > before) around.push(`in: ${spoof}`);
        const scoped = await get("/admin/x", [cookie, ...spoof]);
        if (scoped.status < 300) around.push(`admin: ${spoof}`);
        await get("/x", [cookie, ...spoof]);
        for (const { headers } of upstream.seen.splice(0)) {
          for (const [header, value] of headers) {
            const folded = header.replace(/[^a-z0-9]+/g, "-");
            const isForged = folded.startsWith("x-auth-") &&
              (value.includes("root") || (folded === "x-auth-scope" && value.includes("admin")) ||
                (folded === "x-auth-actor" && value === "client"));
            if (isForged && header !== "x-auth-request-redirect") {
              around.push(`forged ${header}: ${value}`);
            }
          }
        }
      }
      assert.deepEqual(around, []);
    });
  });

  Deno.test(`${name}: a session that is renewed in passing stays with the browser`, async () => {
    await withProxy(name, async ({ port, host, cookies, gateway, upstream }) => {
      gateway.clock.advance(31 * 60_000);
      const response = await fetch(`http://${host}/transparent/x`, {
        headers: { cookie: `postern-refresh=${cookies.get("postern-refresh")}` },
      });
      await response.body?.cancel();
      assert.equal(response.status, 200);
      assert.equal(upstream.seen.at(-1)?.headers.get("x-auth-subject"), "demo");
      const names = response.headers.getSetCookie().map((line) => line.split("=", 1)[0]);
      assert.deepEqual(names.sort(), ["postern-access", "postern-csrf", "postern-refresh"]);
      assert.ok(port > 0);
    });
  });
}
