/** Forward-auth: the verdict of the proxy in every dialect, and nothing that talks past it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { startGateway } from "../../support/gateway.ts";
import type { TestGateway } from "../../support/gateway.ts";
import type { RawAnswer } from "../../support/raw_http.ts";
import { startUpstream } from "../../support/upstream.ts";
import type { RecordingUpstream } from "../../support/upstream.ts";
import { ask, DIALECTS, send } from "./ask.ts";
import type { ClientRequest } from "./ask.ts";

const ROUTES = [
  { path: "/public/*", upstream: "app", auth: "none" },
  { path: "/admin/*", upstream: "app", require: { scope: ["admin"] } },
  { path: "/strict/*", upstream: "app", revocation: "strict" },
  { path: "/transparent/*", upstream: "app", refresh: "transparent" },
  { path: "/read/*", methods: ["GET"], upstream: "app", auth: "none" },
  {
    path: "/cors/*",
    upstream: "app",
    cors: { origins: ["http://other.example"], credentials: true },
  },
  { path: "/*", upstream: "app" },
];

const SECRET = "0123456789abcdef0123456789abcdef";

interface Stand {
  readonly gateway: TestGateway;
  readonly port: number;
  readonly host: string;
  readonly upstream: RecordingUpstream;
  signIn(): Promise<{ access: string; refresh: string; csrf: string }>;
}

async function withStand(
  act: (stand: Stand) => Promise<void>,
  config: Record<string, unknown> = {},
): Promise<void> {
  const upstream = startUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    config: { routes: ROUTES, verify: { trustedProxies: ["127.0.0.1"] }, ...config },
    secrets: () => SECRET,
  });
  const { port, host } = new URL(gateway.url);
  try {
    await act({
      gateway,
      upstream,
      port: Number(port),
      host,
      async signIn() {
        const response = await fetch(`${gateway.url}/auth/login`, {
          method: "POST",
          headers: { "content-type": "application/json", origin: gateway.url },
          body: JSON.stringify({ username: "demo", password: "postern" }),
        });
        await response.body?.cancel();
        const cookies = new Map(
          response.headers.getSetCookie().map((line) => {
            const [pair = ""] = line.split(";");
            return [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
          }),
        );
        const [access, refresh, csrf] = ["access", "refresh", "csrf"]
          .map((name) => cookies.get(`postern-${name}`) ?? "");
        return { access: access ?? "", refresh: refresh ?? "", csrf: csrf ?? "" };
      },
    });
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

/** What the proxy said, as each dialect has to say it. */
function expected(proxied: RawAnswer, dialect: string): number {
  const { status } = proxied;
  if (status === 200) return 200;
  if (dialect !== "auth-request") return status;
  return status === 302 || status === 401 ? 401 : status >= 500 ? status : 403;
}

Deno.test("every policy case gets the verdict that the proxy gives", async () => {
  await withStand(async ({ port, host, signIn, gateway }) => {
    const session = await signIn();
    const other = await signIn();
    const ended = await signIn();
    const endedCookie = `Cookie: postern-access=${ended.access}`;
    await (await fetch(`${gateway.url}/auth/logout`, {
      method: "POST",
      headers: {
        cookie: `postern-access=${ended.access}; postern-refresh=${ended.refresh}`,
        "x-csrf-token": ended.csrf,
      },
    })).body?.cancel();
    const cookie = `Cookie: a=1; postern-access=${session.access}`;
    const bearer = `Authorization: Bearer ${session.access}`;
    const csrf = `X-CSRF-Token: ${session.csrf}`;
    const navigate = "Sec-Fetch-Mode: navigate";
    const upgrade = [
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    const cases: [string, string, string[]][] = [
      ["GET", "/public/x", []],
      ["GET", "/public/x?a=b&c=%2F", [cookie]],
      ["POST", "/public/x", []],
      ["GET", "/x", []],
      ["GET", "/x", [navigate]],
      ["GET", "/x", ["Accept: text/html"]],
      ["GET", "/x", [bearer]],
      ["GET", "/x", [cookie]],
      ["GET", "/x", [cookie, bearer]],
      ["GET", "/x", [cookie, `Authorization: Bearer ${other.access}`]],
      ["GET", "/x", [`Cookie: postern-access=${session.access}; postern-access=${other.access}`]],
      ["GET", "/x", [endedCookie]],
      ["GET", "/strict/x", [endedCookie, navigate]],
      ["GET", "/strict/x", [cookie]],
      ["GET", "/x", ["Authorization: Bearer nonsense"]],
      ["GET", "/x", ["Authorization: Bearer"]],
      ["GET", "/x", ["Authorization: Basic eDp5"]],
      ["GET", "/x", [`Authorization: Bearer ${session.refresh}`]],
      ["GET", "/admin/x", [cookie]],
      ["GET", "/admin/x", [bearer]],
      ["POST", "/x", [cookie]],
      ["POST", "/x", [cookie, csrf]],
      ["POST", "/x", [cookie, csrf, `Origin: http://${host}`]],
      ["POST", "/x", [cookie, csrf, "Origin: http://evil.example"]],
      ["POST", "/x", [cookie, csrf, "Sec-Fetch-Site: cross-site"]],
      ["POST", "/x", [cookie, `X-CSRF-Token: ${other.csrf}`]],
      ["POST", "/x", [bearer]],
      ["DELETE", "/x", [cookie]],
      ["OPTIONS", "/x", []],
      ["OPTIONS", "/x", ["Origin: http://other.example", "Access-Control-Request-Method: GET"]],
      ["POST", "/cors/x", [cookie, csrf, "Origin: http://other.example"]],
      ["POST", "/cors/x", [cookie, csrf, "Origin: http://evil.example"]],
      ["GET", "/transparent/x", [`Cookie: postern-refresh=${other.refresh}`]],
      ["POST", "/transparent/x", [`Cookie: postern-refresh=${other.refresh}`]],
      ["GET", `/x?t=${session.access}`, [cookie]],
      ["GET", `/public/${session.access}`, []],
      ["GET", "/public/../x", []],
      ["GET", "/public/%2e%2e/x", []],
      ["GET", "/public/%252e%252e/x", []],
      ["GET", "/public\\..\\x", []],
      ["GET", "/public/..;/x", []],
      ["GET", "/public/%2fx", []],
      ["GET", "/public/%00", []],
      ["GET", "/PUBLIC/x", []],
      ["GET", "//public/x", []],
      ["GET", "/public//x", []],
      ["GET", "/public/;x", []],
      ["GET", "/a%zz", [cookie]],
      ["GET", "/x#y", [cookie]],
      ["POST", "/read/x", []],
      ["HEAD", "/read/x", []],
      ["GET", "/read/x", []],
      ["get", "/public/x", []],
      ["TRACE", "/public/x", []],
      ["GET", "/api/token/", []],
      ["GET", "/.well-known/jwks.json/", []],
      ["GET", `/${"a".repeat(17_000)}`, [cookie]],
      ["GET", "/x", [cookie, ...upgrade, "Origin: http://evil.example"]],
    ];
    const problems: string[] = [];
    for (const [method, target, headers] of cases) {
      const request: ClientRequest = { method, target, host, headers };
      const isUpgrade = headers.includes("Upgrade: websocket");
      const proxied = await send(
        port,
        isUpgrade ? { ...request, headers: [...headers, "Connection: Upgrade"] } : request,
      );
      for (const dialect of DIALECTS) {
        const asked = await ask(port, dialect, request);
        // Postern's own paths are answered by itself; nobody else has anything there.
        const isOwn = target.startsWith("/api/token");
        const wanted = isOwn
          ? (dialect === "auth-request" ? 403 : 404)
          : expected(proxied, dialect);
        if (asked.status === wanted) continue;
        problems.push(
          `${dialect} ${method} ${target.slice(0, 40)} ${headers.map((h) => h.slice(0, 30))}: ` +
            `${asked.status}, not ${wanted} (proxy: ${proxied.status})`,
        );
      }
    }
    assert.deepEqual(problems, []);
  });
});

Deno.test("allowed: every identity header, empty where there is none, and nothing of ours to carry on", async () => {
  await withStand(async ({ port, host, signIn }) => {
    const { access, refresh, csrf } = await signIn();
    const cookie = `Cookie: theme=dark; postern-access=${access}; postern-refresh=${refresh}`;
    const forged = ["X-Auth-Subject: root", "X-Auth-Client: root", "Remote-User: root"];
    for (const dialect of DIALECTS) {
      const open = await ask(port, dialect, {
        method: "GET",
        target: "/public/x",
        host,
        headers: [cookie, ...forged],
      });
      assert.equal(open.status, 200);
      assert.equal(open.text, "");
      const names = ["subject", "session", "scope", "actor", "client", "assertion"];
      for (const name of names) assert.equal(open.headers.get(`x-auth-${name}`), "", name);
      assert.equal(open.headers.get("remote-user"), "");

      const known = await ask(port, dialect, {
        method: "GET",
        target: "/x",
        host,
        headers: [cookie, ...forged, `X-CSRF-Token: ${csrf}`],
      });
      assert.equal(known.status, 200);
      assert.equal(known.headers.get("x-auth-subject"), "demo");
      assert.equal(known.headers.get("remote-user"), "demo");
      assert.equal(known.headers.get("x-auth-actor"), "user");
      assert.equal(known.headers.get("x-auth-client"), "");
      assert.match(known.headers.get("x-auth-session") ?? "", /^[0-9a-f-]{36}$/);
      assert.equal(known.headers.get("x-auth-assertion")?.split(".").length, 3);
      assert.equal(known.headers.get("cookie"), "theme=dark");
      assert.equal(known.headers.get("authorization"), "");
      assert.equal(known.headers.get("cache-control"), "no-store");

      const bearer = await ask(port, dialect, {
        method: "GET",
        target: "/x",
        host,
        headers: [`Authorization: Bearer ${access}`],
      });
      assert.equal(bearer.headers.get("authorization"), "");
      const basic = await ask(port, dialect, {
        method: "GET",
        target: "/public/x",
        host,
        headers: ["Authorization: Basic eDp5"],
      });
      assert.equal(basic.headers.get("authorization"), "Basic eDp5", "an open route's own");
    }
  }, {
    upstreams: {
      app: { targets: ["http://127.0.0.1:9"], assertion: true, headers: { "Remote-User": "sub" } },
    },
  });
});

Deno.test("a dialect reads its own family of headers and no other, each once, and never a query", async () => {
  await withStand(async ({ port, host }) => {
    const request = { method: "GET", target: "/x", host, headers: [] };
    const families: Record<string, string[]> = {
      "forward-auth": [
        "X-Forwarded-Method: GET",
        "X-Forwarded-Proto: http",
        `X-Forwarded-Host: ${host}`,
        "X-Forwarded-Uri: /public/x",
      ],
      "auth-request": ["X-Original-Method: GET", `X-Original-URL: http://${host}/public/x`],
    };
    const others = [
      "X-Original-Uri: /public/x",
      "X-Rewrite-Url: /public/x",
      "X-Auth-Request-Redirect: /public/x",
      "X-Forwarded-Prefix: /public",
      "X-HTTP-Method-Override: GET",
      `Forwarded: host=${host};proto=http`,
      "X-Envoy-Original-Path: /public/x",
    ];
    for (const dialect of DIALECTS) {
      for (const [family, headers] of Object.entries(families)) {
        if (family === dialect) continue;
        const spoofed = await ask(port, dialect, request, [...headers, ...others]);
        assert.equal(spoofed.status, 401, `${dialect} with ${family}`);
      }
      const alone = await ask(port, dialect, request, others);
      assert.equal(alone.status, 401, dialect);
    }
    // The client's own header of the family beside the proxy's: nobody can say which is which.
    for (const dialect of ["forward-auth", "auth-request"] as const) {
      for (const header of families[dialect] ?? []) {
        const doubled = await ask(port, dialect, { ...request, headers: [header] });
        assert.equal(doubled.status, header.includes("X-Original-Method") ? 403 : 400, header);
      }
      const incomplete = await send(port, {
        method: "GET",
        target: `/auth/verify/${dialect}?x-forwarded-uri=/public/x&allowed_groups=all`,
        host,
        headers: (families[dialect] ?? []).slice(1),
      });
      assert.equal(incomplete.status, 400);
      const withQuery = await send(port, {
        method: "GET",
        target: `/auth/verify/${dialect}?scope=admin&uri=/public/x`,
        host,
        headers: (families[dialect] ?? []).map((line) => line.replace("/public/x", "/x")),
      });
      assert.equal(withQuery.status, 401);
    }
    const odd = [
      `http://${host}@evil.example/x`,
      "/x",
      "javascript://x/",
      `http://${host}`,
      `http://${host}?/x`,
      "",
      `https://${host}/public/x`,
      `http://a b/public/x`,
    ];
    for (const url of odd) {
      const answer = await send(port, {
        method: "GET",
        target: "/auth/verify/auth-request",
        host,
        headers: ["X-Original-Method: GET", `X-Original-URL: ${url}`],
      });
      assert.equal(answer.status, 400, url);
    }
    for (const name of ["X_Auth_Subject", "X.Auth.Subject", "x-auth_scope"]) {
      const forged = await ask(port, "forward-auth", {
        ...request,
        target: "/public/x",
        headers: [`${name}: root`],
      });
      assert.equal(forged.status, 400, name);
    }
  });
});

Deno.test("only proxies of the configuration may ask, by address or by secret", async () => {
  const request = { method: "GET", target: "/public/x", headers: [] };
  await withStand(async ({ port, host }) => {
    for (const dialect of DIALECTS) {
      const answer = await ask(port, dialect, { ...request, host });
      assert.equal(answer.status, 403);
      assert.match(answer.text, /untrusted_proxy/);
      const claims = await ask(port, dialect, { ...request, host }, [
        "X-Forwarded-For: 10.0.0.1",
        "X-Real-IP: 10.0.0.1",
        "X-Verify-Secret: ",
      ]);
      assert.equal(claims.status, 403);
    }
  }, { verify: { trustedProxies: ["10.0.0.0/8"] }, trustedProxies: ["127.0.0.1"] });
  await withStand(async ({ port, host }) => {
    assert.equal((await ask(port, "forward-auth", { ...request, host })).status, 403);
    const bare = await send(port, { ...request, target: "/auth/verify", host });
    assert.equal(bare.status, 404);
  }, { verify: undefined });
});

Deno.test("refusals: 401 and the way to sign in for nginx, a redirect for the others' browsers", async () => {
  await withStand(async ({ port, host, gateway }) => {
    const browser = ["Sec-Fetch-Mode: navigate", "Accept: text/html"];
    const request = { method: "GET", target: "/x?a=1", host, headers: browser };
    const login = `${gateway.url}/auth/login?return_to=${encodeURIComponent("/x?a=1")}`;
    const nginx = await ask(port, "auth-request", request);
    assert.equal(nginx.status, 401);
    assert.equal(nginx.headers.get("x-auth-redirect"), login);
    assert.match(nginx.headers.get("www-authenticate") ?? "", /^Bearer/);
    for (const dialect of ["forward-auth", "ext-authz"] as const) {
      const answer = await ask(port, dialect, request);
      assert.equal(answer.status, 302);
      assert.equal(answer.headers.get("location"), login);
    }
    for (const dialect of DIALECTS) {
      const script = await ask(port, dialect, { ...request, headers: [] });
      assert.equal(script.status, 401);
      assert.equal(script.headers.get("x-auth-redirect"), undefined);
      assert.match(script.text, /"code":"token_missing"/);
    }
  });
});

Deno.test("a rotation in passing: whole Set-Cookie lines, and one header for each", async () => {
  await withStand(async ({ port, host, signIn, gateway }) => {
    const { refresh } = await signIn();
    gateway.clock.advance(31 * 60_000);
    const headers = [`Cookie: postern-refresh=${refresh}`];
    const request = { method: "GET", target: "/transparent/x", host, headers };
    const first = await ask(port, "auth-request", request);
    assert.equal(first.status, 200);
    const access = first.headers.get("x-auth-set-cookie-access") ?? "";
    assert.match(access, /^postern-access=eyJ[^;]+; .*HttpOnly/);
    assert.match(first.headers.get("x-auth-set-cookie-refresh") ?? "", /^postern-refresh=eyJ/);
    assert.match(first.headers.get("x-auth-set-cookie-csrf") ?? "", /^postern-csrf=v1\./);
    // The proxy lost the answer: whoever asks again gets the very same successor.
    for (const dialect of ["forward-auth", "ext-authz"] as const) {
      const again = await ask(port, dialect, request);
      assert.equal(again.status, 200);
      const single = again.headers.get("x-auth-set-cookie-access");
      assert.equal(single, dialect === "ext-authz" ? undefined : access);
      assert.ok(again.headers.get("set-cookie")?.startsWith("postern-"));
    }
    const post = await ask(port, "auth-request", { ...request, method: "POST" });
    assert.equal(post.status, 403, "an unsafe method needs its CSRF token");
  });
});

Deno.test("a preflight passes where the route's cors lets its origin, and nowhere else", async () => {
  await withStand(async ({ port, host }) => {
    const preflight = (origin: string, target: string) => ({
      method: "OPTIONS",
      target,
      host,
      headers: [`Origin: ${origin}`, "Access-Control-Request-Method: POST"],
    });
    for (const dialect of DIALECTS) {
      const good = await ask(port, dialect, preflight("http://other.example", "/cors/x"));
      assert.equal(good.status, 200);
      assert.equal(good.headers.get("x-auth-subject"), "");
      const bad = await ask(port, dialect, preflight("http://evil.example", "/cors/x"));
      assert.equal(bad.status, 403);
      const none = await ask(port, dialect, preflight("http://other.example", "/x"));
      assert.equal(none.status, 401);
      const refused = await ask(port, dialect, {
        method: "GET",
        target: "/cors/x",
        host,
        headers: ["Origin: http://other.example"],
      });
      assert.equal(refused.status, 401);
      assert.equal(refused.headers.get("access-control-allow-origin"), "http://other.example");
    }
  });
});

Deno.test("a shared secret opens the endpoints, and no other path with it", async () => {
  await withStand(async ({ port, host }) => {
    const request = { method: "GET", target: "/public/x", host, headers: [] };
    for (const dialect of DIALECTS) {
      const right = await ask(port, dialect, request, [`X-Verify-Secret: ${SECRET}`]);
      assert.equal(right.status, 200, right.text);
      const wrong = await ask(port, dialect, request, [`X-Verify-Secret: ${SECRET}0`]);
      assert.equal(wrong.status, 403);
      assert.equal((await ask(port, dialect, request)).status, 403);
    }
    // A path that led out of the endpoint must not look like a verdict.
    const stray = await send(port, { ...request, headers: [`X-Verify-Secret: ${SECRET}`] });
    assert.equal(stray.status, 403);
  }, { verify: { secret: { env: "VERIFY_SECRET" } } });
});

Deno.test("what is let through as told is what the proxy would have let through as sent", async () => {
  await withStand(async ({ port, host, upstream }) => {
    const piece = fc.constantFrom(
      ...["public", "x", "admin", "/", "//", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", ";", "?"],
      ...["#", "%", "%00", "%25", "@", ":", "a=b", "&", ",", "PUBLIC", "%70ublic", "*", "+", "'"],
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 8 }),
        fc.constantFrom("GET", "HEAD", "POST", "get", "OPTIONS", "GET, POST", "TRACE"),
        fc.constantFrom(...DIALECTS),
        async (pieces, method, dialect) => {
          const target = `/public/${pieces.join("")}`;
          const request = { method, target, host, headers: ["Content-Length: 0"] };
          const told = await ask(port, dialect, request);
          if (told.status !== 200) return;
          upstream.seen.length = 0;
          const sent = await send(port, request);
          assert.equal(sent.status, 200, `${dialect} ${method} ${target}`);
          assert.ok(upstream.seen[0]?.target.startsWith("/public"), target);
        },
      ),
      { numRuns: 400 },
    );
  });
});

Deno.test("questions as Traefik, ingress-nginx and Envoy put them", async () => {
  await withStand(async ({ port, host, signIn }) => {
    const { access } = await signIn();
    const client = ["User-Agent: Mozilla/5.0", "Accept: */*", `Cookie: postern-access=${access}`];
    const questions: Record<string, ClientRequest> = {
      // Traefik v3: hop-by-hop headers are gone, X-Forwarded-* are its own.
      traefik: {
        method: "GET",
        target: "/auth/verify/forward-auth",
        host: "postern:8787",
        headers: [
          ...client,
          "Accept-Encoding: gzip",
          "X-Forwarded-For: 203.0.113.7",
          `X-Forwarded-Host: ${host}`,
          "X-Forwarded-Method: GET",
          "X-Forwarded-Port: 80",
          "X-Forwarded-Proto: http",
          "X-Forwarded-Server: traefik-7d9",
          "X-Forwarded-Uri: /x?a=b%2Fc",
        ],
      },
      // ingress-nginx 1.x: its own location with the annotations' URL.
      "ingress-nginx": {
        method: "GET",
        target: "/auth/verify/auth-request",
        host: "postern.default.svc.cluster.local",
        headers: [
          ...client,
          `X-Original-URL: http://${host}/x?a=b%2Fc`,
          "X-Original-Method: GET",
          "X-Sent-From: nginx-ingress-controller",
          "X-Real-IP: 203.0.113.7",
          "X-Forwarded-For: 203.0.113.7",
          "X-Auth-Request-Redirect: /x?a=b%2Fc",
          "X-Request-ID: 0123456789abcdef0123456789abcdef",
        ],
      },
      // Envoy 1.3x: the request's own line behind the prefix, an empty body.
      envoy: {
        method: "GET",
        target: "/auth/verify/ext-authz/x?a=b%2Fc",
        host,
        headers: [
          ...client,
          "Content-Length: 0",
          "X-Envoy-Internal: true",
          "X-Forwarded-For: 10.0.0.9",
          "X-Envoy-Expected-Rq-Timeout-Ms: 5000",
        ],
      },
    };
    for (const [name, question] of Object.entries(questions)) {
      const answer = await send(port, question);
      assert.equal(answer.status, 200, `${name}: ${answer.text}`);
      assert.equal(answer.headers.get("x-auth-subject"), "demo", name);
      const anonymous = {
        ...question,
        headers: question.headers.filter((h) => !h.startsWith("Cookie")),
      };
      assert.equal((await send(port, anonymous)).status, 401, name);
    }
  });
});
