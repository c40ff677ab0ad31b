/**
 * What a route changes on the way: the path, headers of the request, headers of the answer.
 */
import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";
import { startGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

const ROUTES = [
  { path: "/api/*", upstream: "app", auth: "none", rewrite: { stripPrefix: "/api" } },
  {
    path: "/old/*",
    upstream: "app",
    auth: "none",
    rewrite: { stripPrefix: "/old", addPrefix: "/v2/new" },
  },
  {
    path: "/headers/*",
    upstream: "app",
    auth: "none",
    requestHeaders: { set: { "X-Tenant": "acme", "X-Trace": "on" }, remove: ["X-Debug"] },
    responseHeaders: {
      set: { "X-Served-By": "postern", "Cache-Control": "no-cache" },
      remove: ["X-Powered-By", "X_Internal"],
    },
  },
  { path: "/*", upstream: "app", auth: "none" },
];

async function withGateway(
  act: (
    ask: (target: string, headers?: Record<string, string>) => Promise<Response>,
    seen: ReturnType<typeof startUpstream>["seen"],
  ) => Promise<void>,
): Promise<void> {
  const upstream = startUpstream(() =>
    new Response("ok", {
      headers: {
        "x-powered-by": "secrets",
        "x_internal": "10.0.0.7",
        "x-kept": "yes",
        "cache-control": "public",
      },
    })
  );
  const gateway = await startGateway({ upstream: upstream.url, config: { routes: ROUTES } });
  try {
    await act(async (target, headers = {}) => {
      const response = await fetch(gateway.url + target, { headers });
      await response.body?.cancel();
      return response;
    }, upstream.seen);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

Deno.test("a route cuts off and puts on the beginning of a path, and keeps the query", async () => {
  await withGateway(async (ask, seen) => {
    const cases = {
      "/api/users/7?a=%2Fb": "/users/7?a=%2Fb",
      "/api": "/",
      "/api/": "/",
      "/api?x=1": "/?x=1",
      "/old/a": "/v2/new/a",
      "/old": "/v2/new",
      "/apis/x": "/apis/x",
    };
    for (const [target, expected] of Object.entries(cases)) {
      assert.equal((await ask(target)).status, 200, target);
      assert.equal(seen.at(-1)?.target, expected, target);
    }
    // What is left could be read as another host.
    const before = seen.length;
    assert.equal((await ask("/api//evil.example/x")).status, 400);
    assert.equal(seen.length, before);
  });
});

Deno.test("a route sets and removes headers of the request, whatever the client spells", async () => {
  await withGateway(async (ask, seen) => {
    await ask("/headers/x", {
      "x-tenant": "evil",
      "X_Tenant": "evil",
      "x.tenant": "evil",
      "X-Debug": "1",
      "x-other": "kept",
    });
    const headers = seen.at(-1)?.headers;
    assert.equal(headers?.get("x-tenant"), "acme");
    assert.equal(headers?.get("x-trace"), "on");
    assert.equal(headers?.get("x-other"), "kept");
    for (const name of ["x-debug", "x_tenant", "x.tenant"]) {
      assert.equal(headers?.has(name), false, name);
    }
    await ask("/elsewhere", { "x-debug": "1" });
    assert.equal(seen.at(-1)?.headers.get("x-debug"), "1", "other routes are left alone");
  });
});

Deno.test("a route sets and removes headers of the answer", async () => {
  await withGateway(async (ask) => {
    const { headers } = await ask("/headers/x");
    assert.equal(headers.get("x-served-by"), "postern");
    assert.equal(headers.get("cache-control"), "no-cache");
    assert.equal(headers.get("x-kept"), "yes");
    for (const name of ["x-powered-by", "x_internal"]) assert.equal(headers.has(name), false, name);
    assert.equal((await ask("/elsewhere")).headers.get("x-powered-by"), "secrets");
  });
});

Deno.test("no rule may touch identity, a credential, the connection or what Postern writes", () => {
  const problem = (route: Record<string, unknown>): string => {
    try {
      parseConfig({
        origin: "http://localhost:1",
        identity: { kind: "demo" },
        upstreams: { app: { targets: ["http://127.0.0.1:9"], headers: { "X-User": "sub" } } },
        routes: [{ path: "/a/*", upstream: "app", ...route }],
      }, "dev");
      return "";
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.message;
    }
  };
  const request = (name: string) => problem({ requestHeaders: { set: { [name]: "x" } } });
  for (const name of ["X-Auth-Subject", "x_auth_scope", "X~Auth~Anything"]) {
    assert.match(request(name), /carries identity/, name);
  }
  for (const name of ["X-Forwarded-For", "x_forwarded_host", "Forwarded"]) {
    assert.match(request(name), /written by Postern itself/, name);
  }
  for (const name of ["Authorization", "Cookie", "X-CSRF-Token"]) {
    assert.match(request(name), /carries a credential/, name);
  }
  for (const name of ["Connection", "Host", "Via", "Content-Length", "traceparent"]) {
    assert.match(request(name), /belongs to the connection or is written by Postern/, name);
  }
  assert.match(request("a b"), /is no header name/);
  assert.match(request("X-User"), /carries identity \(upstreams/);
  assert.match(
    problem({ responseHeaders: { remove: ["Set-Cookie"] } }),
    /^routes\[0\]\.responseHeaders.*carries a credential/,
  );
  assert.match(
    problem({ requestHeaders: { set: { "X-A": "a\r\nX-Auth-Subject: b" } } }),
    /must be visible ASCII/,
  );
  assert.match(
    problem({ rewrite: { stripPrefix: "/b" } }),
    /must be the beginning of the route's path/,
  );
  assert.equal(
    problem({ rewrite: { stripPrefix: "/a" }, requestHeaders: { set: { "X-A": "b" } } }),
    "",
  );
});
