/**
 * The same hostile requests against real peers behind Postern, each of which reads paths,
 * methods and headers in its own way, and with real peers in front: whatever
 * Postern decided on is what the peer does, and what the front allowed is what arrives.
 */
import assert from "node:assert/strict";
import { startCaddy } from "../support/caddy.ts";
import { startDjango } from "../support/django.ts";
import { startExpressApp } from "../support/express_app.ts";
import { startHaproxy } from "../support/haproxy.ts";
import { startLighttpd } from "../support/lighttpd.ts";
import { startNginx } from "../support/nginx.ts";
import { startPathParameterBackend } from "../support/path_parameters.ts";
import { plain } from "../support/raw_upstream.ts";
import { HOST, RUNTIMES, startStand } from "../support/stand.ts";
import type { Stand } from "../support/stand.ts";
import { exchange, type WireRequest } from "../support/wire.ts";

/** What a request did at a peer: the area it reached, the method, and for whom. */
interface Reached {
  readonly area: "admin" | "ops" | "other";
  readonly method: string;
  readonly said: string;
}

interface PeerBehind {
  readonly url: string;
  /** What the last request did there, or `null` if it has not come. */
  reached(answer: string): Promise<Reached | null>;
  stop(): Promise<void>;
}

const areaOf = (path: string): Reached["area"] =>
  /^\/+admin(\/|$)/i.test(path) ? "admin" : /^\/+@ops(\/|$)/.test(path) ? "ops" : "other";

async function behind(): Promise<Readonly<Record<string, PeerBehind>>> {
  const nginx = await startNginx(
    ["admin", "@ops"].map((area) =>
      `location ^~ /${area}/ { return 200 "/${area}/ $request_method $http_x_auth_subject"; }`
    ).join("\n    ") +
      '\n    location / { return 200 "$uri $request_method $http_x_auth_subject"; }',
  );
  const lighttpd = await startLighttpd();
  const express = await startExpressApp();
  const django = await startDjango({ mode: "header" });
  const servlet = await startPathParameterBackend();
  const read = (answer: string): Reached | null => {
    const [path = "", method = "GET"] = answer.split(" ");
    return path.startsWith("/") ? { area: areaOf(path), method, said: answer } : null;
  };
  return {
    nginx: { ...nginx, reached: (answer) => Promise.resolve(read(answer)) },
    lighttpd: {
      ...lighttpd,
      reached(answer) {
        const variable = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(answer)?.[1];
        const path = variable("PATH_INFO");
        return Promise.resolve(
          path === undefined ? null : {
            area: areaOf(path),
            method: variable("REQUEST_METHOD") ?? "",
            said: answer,
          },
        );
      },
    },
    express: {
      url: express.url,
      stop: () => express.stop(),
      reached() {
        const line = express.done.pop();
        if (line === undefined) return Promise.resolve(null);
        const [method = "", target = ""] = line.split(" ");
        return Promise.resolve({ area: areaOf(decoded(target)), method, said: line });
      },
    },
    django: {
      url: django.url,
      stop: () => django.stop(),
      async reached() {
        const [seen] = await django.recorded();
        await django.forgetRecorded();
        if (seen === undefined) return null;
        return { area: areaOf(seen.path), method: seen.method, said: seen.everything };
      },
    },
    servlet: {
      url: servlet.url,
      stop: () => servlet.stop(),
      reached(answer) {
        const last = servlet.seen.pop();
        if (last === undefined) return Promise.resolve(null);
        return Promise.resolve({
          area: areaOf(answer.split(" ")[0] ?? ""),
          method: last.method,
          said: last.bytes,
        });
      },
    },
  };
}

function decoded(target: string): string {
  try {
    return decodeURIComponent(target.split("?")[0] ?? "");
  } catch {
    return target;
  }
}

/** Spellings of protected paths, one for each way of reading that the peers have. */
const TARGETS = [
  ...[
    "/admin/x",
    "/%61dmin/x",
    "/ADMIN/x",
    "/admin%3Bx/y",
    "/admin;x/y",
    "//admin/x",
    "/./admin/x",
  ],
  ...["/x/../admin/x", "/x/..;/admin/x", "/x/%2e%2e/admin/x", "/%2561dmin/x", "/admin%2Fx"],
  ...["/admin%00/x", "/admin./x", "/x%2F..%2Fadmin/x", "/x\\..\\admin\\x", "/%C0%AFadmin/x"],
  ...["/@ops/x", "/%40ops/x", "/%2540ops/x", "/@ops%2Fx", "/@ops;a/x", "/x/..%3B/@ops/x"],
  ...["/admin?x", "/admin", "/admin/", "/admin%20/x", "/adm%69n/..%2Fadmin", "/admin%2e/x"],
  ...["/%EF%BC%8Fadmin/x", "/x/%252e%252e/admin/x", "/;/admin/x", "/%3B/admin/x", "/admin/.%00/x"],
];

const HEADERS = [
  ...["X-Auth-Subject: root", "X_Auth_Subject: root", "X~Auth~Subject: root", "X.Auth.Scope: root"],
  ...[
    "X+Auth+Scope: root",
    "X-Auth-Email: root",
    "x--auth--subject: root",
    "X-HTTP-Method: DELETE",
  ],
  ...["X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE", "X-Original-URL: /admin/x"],
  ...["X-Rewrite-URL: /admin/x", "X-Forwarded-Prefix: /admin", "X_HTTP_Method_Override: DELETE"],
];

for (const harness of RUNTIMES) {
  Deno.test({
    name: `${harness.name}: peers behind do what was decided, whatever they read`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn(t) {
      const peers = await behind();
      let stand: Stand | undefined;
      try {
        const hosts = Object.keys(peers).map((name) => [name, `${name}.example.com`] as const);
        stand = await startStand(harness, {
          upstreams: Object.fromEntries(
            Object.entries(peers).map(([name, { url }]) => [name, { targets: [url] }]),
          ),
          routes: [
            ...hosts.flatMap(([upstream, host]) => [
              { path: "/admin/*", host, upstream, require: { scope: ["admin"] } },
              { path: "/@ops/*", host, upstream, require: { scope: ["admin"] } },
              {
                path: "/items/*",
                host,
                methods: ["DELETE"],
                upstream,
                require: { scope: ["admin"] },
              },
              { path: "/*", host, upstream },
            ]),
            { path: "/*", host: HOST, upstream: "app" },
          ],
        });
        const { send, signIn } = stand;
        const bob = await signIn("bob");
        const ada = await signIn("ada");
        for (const [name, host] of hosts) {
          const peer = peers[name];
          assert.ok(peer !== undefined);
          const ask = async (request: WireRequest) => {
            const answer = await send({ ...request, host });
            return { status: answer.status, reached: await peer.reached(answer.text) };
          };
          await t.step({
            name,
            sanitizeResources: false,
            sanitizeOps: false,
            async fn() {
              // The peer's eyes are open: who may get there gets there.
              const allowed = await ask({ target: "/admin/x", headers: [ada.bearer] });
              assert.equal(allowed.reached?.area, "admin", JSON.stringify(allowed));

              const wrong: string[] = [];
              for (const target of TARGETS) {
                const { status, reached } = await ask({ target, headers: [bob.bearer] });
                if (reached !== null && reached.area !== "other") {
                  wrong.push(`${target} ${status} → ${reached.area}`);
                }
              }
              for (const header of HEADERS) {
                for (const target of ["/items/5", "/x"]) {
                  const { reached } = await ask({
                    method: "POST",
                    target,
                    headers: [bob.bearer, header],
                    body: "_method=DELETE",
                  });
                  if (reached === null) continue;
                  if (reached.area !== "other" || reached.method !== "POST") {
                    wrong.push(`${header} ${target} → ${reached.method} ${reached.area}`);
                  }
                  if (/root/.test(reached.said)) wrong.push(`${header} → ${reached.said}`);
                }
              }
              for (const method of ["delete", "Delete", "DELETE"]) {
                const { status, reached } = await ask({
                  method,
                  target: "/items/5",
                  headers: [bob.bearer],
                });
                if (reached !== null) wrong.push(`${method} ${status} → ${reached.said}`);
              }
              assert.deepEqual(wrong, []);
            },
          });
        }
      } finally {
        await stand?.stop();
        for (const { stop } of Object.values(peers)) await stop();
      }
    },
  });

  Deno.test({
    name: `${harness.name}: what a front server let through by its rules is what arrives`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn(t) {
      const stand = await startStand(harness, {
        routes: [{ path: "/*", upstream: "app", auth: "none" }],
      });
      const fronts = {
        haproxy: await startHaproxy(stand.port, [
          "http-request deny if { path_beg /auth/metrics } or { path_beg /internal }",
          "http-request deny unless { method GET POST HEAD }",
          "http-request set-header X-Seen-Path %[path]",
          "http-request set-header X-Seen-Host %[req.hdr(host)]",
          "http-request set-header X-Seen-Method %[method]",
        ]),
        nginx: await startNginx(`
    location ~ ^/(internal|auth/metrics) { return 403; }
    location / {
      proxy_pass http://127.0.0.1:${stand.port};
      proxy_set_header Host $http_host;
      proxy_set_header X-Seen-Path $request_uri;
      proxy_set_header X-Seen-Host $http_host;
      proxy_set_header X-Seen-Method $request_method;
    }`),
        caddy: await startCaddy(`@inner path /internal* /auth/metrics*
respond @inner 403
reverse_proxy 127.0.0.1:${stand.port} {
  header_up X-Seen-Path {http.request.orig_uri}
  header_up X-Seen-Host {http.request.host}
  header_up X-Seen-Method {http.request.method}
}`),
      };
      const requests: WireRequest[] = [
        ...["/public/x", "/internal/x", "/auth/metrics", "/%69nternal/x", "/x/../internal/x"]
          .concat([
            "//internal/x",
            "/internal;x/y",
            "/%2569nternal/x",
            "/x/..%2finternal",
            "/INTERNAL",
          ])
          .concat(["/@a:b!c$d&e'f(g)h*i+j,k=l", "/a%20b", "/caf%C3%A9", "/a%2Fb", "/r[1].pdf"])
          .map((target) => ({ target })),
        ...["app.example.com/internal/x?", "app.example.com/auth/metrics?", "APP.example.com"]
          .concat(["app.example.com:80@evil", "evil.example", "app.example.com.", "x/internal?"])
          .map((host) => ({ target: "/public/x", host })),
        { target: `http://${HOST}/internal/x` },
        { target: `http://evil.example/internal/x` },
        ...[
          "X-HTTP-Method-Override: DELETE",
          "X-Original-URL: /internal/x",
          "X-Rewrite-URL: /internal",
        ]
          .concat(["X-Forwarded-Host: evil.example", "X-Forwarded-Prefix: /internal"])
          .map((line) => ({ method: "POST", target: "/public/x", headers: [line] })),
      ];
      try {
        for (const [name, front] of Object.entries(fronts)) {
          await t.step({
            name,
            sanitizeResources: false,
            sanitizeOps: false,
            async fn() {
              const wrong: string[] = [];
              let arrived = 0;
              for (const request of requests) {
                stand.upstream.forget();
                stand.upstream.answer(() => plain("arrived"));
                const answer = await exchange(front.port, request, { host: HOST, limitMs: 5_000 });
                for (const seen of stand.upstream.seen) {
                  arrived++;
                  const path = seen.target.split("?")[0] ?? "";
                  const shown = (seen.get("x-seen-path") ?? "").split("?")[0] ?? "";
                  if (decoded(path) !== decoded(shown)) wrong.push(`${shown} arrived as ${path}`);
                  // HAProxy's path_beg reads no escapes: that one is between it and the backend.
                  if (/^\/internal|^\/auth\//.test(shown) || /^\/auth\//.test(decoded(path))) {
                    wrong.push(`${JSON.stringify(request)} reached ${path}`);
                  }
                  if (seen.method !== seen.get("x-seen-method")) wrong.push(`${seen.head}`);
                  const host = seen.get("x-forwarded-host") ?? "";
                  if (host !== HOST) wrong.push(`${JSON.stringify(request)} as host ${host}`);
                  if (/evil|DELETE/.test(seen.head.replace(/^x-seen.*$/gim, ""))) {
                    wrong.push(seen.head);
                  }
                }
                if (/postern_/.test(answer.text)) {
                  wrong.push(`metrics for ${JSON.stringify(request)}`);
                }
              }
              assert.deepEqual(wrong, []);
              assert.ok(arrived >= 5, `${arrived} requests arrived`);
            },
          });
        }
      } finally {
        for (const front of Object.values(fronts)) await front.stop();
        await stand.stop();
      }
    },
  });
}
