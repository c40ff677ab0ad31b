import assert from "node:assert/strict";
import { durationMs } from "../../src/base/duration.ts";
import { createCors, isPreflight } from "../../src/browser/cors.ts";
import type { Cors } from "../../src/browser/cors.ts";
import { parseConfig } from "../../src/config/load.ts";
import { BrowserClient } from "../support/browser_client.ts";
import { startGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

const APP = "https://app.example.com";
const EVIL = "https://app.example.com.evil.example";

function corsOf(options: Record<string, unknown> = {}): Cors {
  const { cors } = routeOf({ cors: { origins: [APP], ...options } });
  assert.ok(cors);
  return createCors({ ...cors, maxAgeSeconds: durationMs(cors.maxAge) / 1000 });
}

function routeOf(route: Record<string, unknown>) {
  const config = parseConfig({
    origin: "https://api.example.com",
    identity: { kind: "demo" },
    store: { kind: "memory" },
    upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
    routes: [{ path: "/*", upstream: "app", ...route }],
  }, "dev");
  const [first] = config.routes;
  assert.ok(first);
  return first;
}

function preflightFrom(origin: string): Headers {
  return new Headers({ origin, "access-control-request-method": "PUT" });
}

Deno.test("a preflight from a listed origin is told what is allowed, from the list and not from its question", () => {
  const asked = preflightFrom(APP);
  asked.set("access-control-request-headers", "x-anything");
  const answer = corsOf({
    credentials: true,
    methods: ["GET", "PUT"],
    headers: ["X-One"],
    maxAge: "5m",
  })
    .preflight(asked);
  assert.equal(answer.status, 204);
  assert.equal(answer.headers.get("access-control-allow-origin"), APP);
  assert.equal(answer.headers.get("access-control-allow-credentials"), "true");
  assert.equal(answer.headers.get("access-control-allow-methods"), "GET, PUT");
  assert.equal(answer.headers.get("access-control-allow-headers"), "X-One");
  assert.equal(answer.headers.get("access-control-max-age"), "300");
  assert.equal(answer.headers.get("vary"), "Origin");
});

Deno.test("an origin that is not on the list is told nothing, however similar it is", () => {
  for (
    const origin of [
      EVIL,
      "null",
      "http://app.example.com",
      `${APP}:8443`,
      `${APP}/`,
      "https://APP.example.com",
    ]
  ) {
    const answer = corsOf({ credentials: true }).preflight(preflightFrom(origin));
    const names = Array.from(answer.headers.keys()).filter((name) => name.startsWith("access-"));
    assert.deepEqual(names, [], origin);
    assert.equal(answer.headers.get("vary"), "Origin");
  }
});

Deno.test("an upstream's own CORS headers are replaced, also for origins that are not allowed", () => {
  const answer = () =>
    new Response("x", {
      headers: {
        "access-control-allow-origin": "*",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-secret",
        "vary": "Accept-Encoding",
      },
    });
  const allowed = corsOf({ expose: ["X-Total"] }).apply(answer(), new Headers({ origin: APP }));
  assert.equal(allowed.headers.get("access-control-allow-origin"), APP);
  assert.equal(allowed.headers.get("access-control-allow-credentials"), null);
  assert.equal(allowed.headers.get("access-control-expose-headers"), "X-Total");
  assert.equal(allowed.headers.get("vary"), "Accept-Encoding, Origin");
  const refused = corsOf().apply(answer(), new Headers({ origin: EVIL }));
  assert.equal(refused.headers.get("access-control-allow-origin"), null);
  assert.equal(refused.headers.get("access-control-allow-credentials"), null);
});

Deno.test("patterns, any origin and origins with a path are refused at the start", () => {
  for (
    const origin of [
      "*",
      "https://*.example.com",
      "null",
      `${APP}/`,
      "app.example.com",
      "https://APP.example.com",
    ]
  ) {
    assert.throws(
      () => routeOf({ cors: { origins: [origin] } }),
      /routes\[0\]\.cors\.origins\[0\]/,
    );
  }
  assert.throws(() => routeOf({ cors: { origins: [APP], headers: ["*"] } }), /cors\.headers\[0\]/);
});

Deno.test("only an OPTIONS request that asks for another request is a preflight", () => {
  assert.equal(isPreflight("OPTIONS", preflightFrom(APP)), true);
  assert.equal(isPreflight("OPTIONS", new Headers({ origin: APP })), false);
  assert.equal(isPreflight("GET", preflightFrom(APP)), false);
});

Deno.test("an app on an allowed origin: preflight without the upstream, readable refusals, CSRF token still needed", async () => {
  const upstream = startUpstream(() =>
    new Response("data", { headers: { "access-control-allow-origin": "*" } })
  );
  const gateway = await startGateway({
    upstream: upstream.url,
    config: {
      routes: [
        { path: "/shared/*", upstream: "app", cors: { origins: [APP], credentials: true } },
        { path: "/anonymous/*", upstream: "app", cors: { origins: [APP] } },
        { path: "/posts", upstream: "app", methods: ["POST"], cors: { origins: [APP] } },
        { path: "/*", upstream: "app" },
      ],
    },
  });
  const browser = new BrowserClient(gateway.url);
  try {
    const preflight = async (path: string, origin: string, method = "POST") => {
      const answer = await fetch(gateway.url + path, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": method },
      });
      await answer.body?.cancel();
      return [answer.status, answer.headers.get("access-control-allow-origin")];
    };
    assert.deepEqual(await preflight("/shared/x", APP), [204, APP]);
    assert.deepEqual(await preflight("/shared/x", EVIL), [204, null]);
    assert.deepEqual(await preflight("/posts", APP), [204, APP], "the route of the real request");
    assert.deepEqual(await preflight("/other", APP), [401, null], "no CORS here");
    assert.equal(upstream.seen.length, 0);

    const anonymous = await fetch(`${gateway.url}/shared/x`, { headers: { origin: APP } });
    assert.equal(anonymous.status, 401);
    assert.equal(anonymous.headers.get("access-control-allow-origin"), APP);
    await anonymous.body?.cancel();

    await browser.signIn();
    const post = async (path: string, headers: Record<string, string>, csrf = true) => {
      const answer = await browser.fetch(path, { method: "POST", headers, csrf });
      await answer.body?.cancel();
      return answer.status;
    };
    const fromApp = { origin: APP, "sec-fetch-site": "cross-site" };
    assert.equal(await post("/shared/x", fromApp), 200);
    assert.equal(await post("/shared/x", fromApp, false), 403, "the token is still needed");
    assert.equal(await post("/shared/x", { ...fromApp, origin: EVIL }), 403);
    assert.equal(await post("/shared/x", { "sec-fetch-site": "cross-site" }), 403);
    assert.equal(await post("/anonymous/x", fromApp), 403, "no credentials allowed there");
    assert.equal(await post("/other", fromApp), 403);
    const read = await browser.fetch("/shared/x", { headers: { origin: APP } });
    assert.equal(read.headers.get("access-control-allow-origin"), APP);
    assert.equal(read.headers.get("access-control-allow-credentials"), "true");
    await read.body?.cancel();
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
});
