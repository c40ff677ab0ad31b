/**
 * Which sites' pages may use Postern's own paths.
 */
import assert from "node:assert/strict";
import { isSameOrigin } from "../../src/browser/csrf.ts";
import { createOriginOf } from "../../src/policy/origins.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";

const SPA = "https://spa.example.net";

function login(gateway: TestGateway, headers: Record<string, string>): Promise<Response> {
  return fetch(`${gateway.url}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ username: "demo", password: "postern" }),
  });
}

Deno.test("a browser that says same-origin is believed where no-referrer hides its origin", () => {
  const from = (site: string | null, origin: string | null) =>
    isSameOrigin(
      { get: (name) => name === "origin" ? origin : name === "sec-fetch-site" ? site : null },
      "https://app.example.com",
    );
  assert.ok(from("same-origin", "null"));
  assert.ok(from("same-origin", null));
  assert.ok(from("same-origin", "https://app.example.com"));
  assert.ok(from(null, null));
  for (const site of ["cross-site", "same-site", "none", null]) {
    assert.ok(!from(site, "null"), String(site));
  }
  assert.ok(!from("same-origin", "https://evil.example"));
  assert.ok(!from("cross-site", "https://app.example.com"));
});

Deno.test("no Host moves an origin to another port", () => {
  const originOf = createOriginOf(["https://app.example.com", "https://other.example.com:8443"]);
  const odd = createOriginOf(["https://app.example.com:8443"]);
  for (const port of ["", ":443", ":8443", ":1234"]) {
    assert.equal(originOf(`app.example.com${port}`), "https://app.example.com");
    assert.equal(originOf(`other.example.com${port}`), "https://other.example.com:8443");
    assert.equal(originOf(`of-a-route.example.com${port}`), "https://of-a-route.example.com");
    assert.equal(originOf(`[::1]${port}`), "https://[::1]");
    assert.equal(odd(`of-a-route.example.com${port}`), "https://of-a-route.example.com:8443");
  }
});

Deno.test("a sign-in form behind a no-referrer policy is taken", async () => {
  const gateway = await startGateway();
  try {
    const good = await login(gateway, { origin: "null", "sec-fetch-site": "same-origin" });
    assert.equal(good.status, 200);
    await good.body?.cancel();
    const sandboxed = await login(gateway, { origin: "null", "sec-fetch-site": "cross-site" });
    assert.equal(sandboxed.status, 403);
    await sandboxed.body?.cancel();
  } finally {
    await gateway.stop();
  }
});

Deno.test("a front end on a listed origin fetches tokens, and others are told nothing", async () => {
  const gateway = await startGateway({ config: { cors: { origins: [SPA] } } });
  try {
    const preflight = (origin: string, path = "/api/token/") =>
      fetch(gateway.url + path, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type",
        },
      });
    for (
      const path of [
        "/api/token/",
        "/api/token/refresh/",
        "/auth/session",
        "/.well-known/jwks.json",
      ]
    ) {
      const listed = await preflight(SPA, path);
      assert.equal(listed.status, 204);
      assert.equal(listed.headers.get("access-control-allow-origin"), SPA);
      assert.match(listed.headers.get("access-control-allow-methods") ?? "", /POST/);
    }
    const stranger = await preflight("https://evil.example");
    assert.equal(stranger.headers.get("access-control-allow-origin"), null);
    const pair = await fetch(`${gateway.url}/api/token/`, {
      method: "POST",
      headers: { origin: SPA, "content-type": "application/json" },
      body: JSON.stringify({ username: "demo", password: "postern" }),
    });
    assert.equal(pair.status, 200);
    assert.equal(pair.headers.get("access-control-allow-origin"), SPA);
    assert.match(pair.headers.get("vary") ?? "", /Origin/i);
    await pair.body?.cancel();
    const described = await fetch(`${gateway.url}/api/token/`, { method: "OPTIONS" });
    assert.equal(described.status, 200, "without a preflight's headers DRF's own answer");
    await described.body?.cancel();
    // Without `credentials` it is no place to sign a browser in from.
    const signIn = await login(gateway, { origin: SPA, "sec-fetch-site": "cross-site" });
    assert.equal(signIn.status, 403);
    await signIn.body?.cancel();
  } finally {
    await gateway.stop();
  }
});

Deno.test("a listed origin with credentials signs in, refreshes and signs out", async () => {
  const gateway = await startGateway({ config: { cors: { origins: [SPA], credentials: true } } });
  try {
    const from = { origin: SPA, "sec-fetch-site": "same-site" };
    const signedIn = await login(gateway, from);
    assert.equal(signedIn.status, 200);
    assert.equal(signedIn.headers.get("access-control-allow-credentials"), "true");
    const { csrfToken } = await signedIn.json();
    const cookie = signedIn.headers.getSetCookie().map((each) => each.split(";", 1)[0]).join("; ");
    const post = (path: string, headers: Record<string, string>) =>
      fetch(gateway.url + path, { method: "POST", headers: { cookie, ...headers } });
    for (
      const [headers, status] of [
        [from, 403],
        [{ ...from, origin: "https://evil.example", "x-csrf-token": csrfToken }, 403],
        [{ ...from, "x-csrf-token": csrfToken }, 200],
      ] as const
    ) {
      const answer = await post("/auth/refresh", headers);
      assert.equal(answer.status, status);
      await answer.body?.cancel();
    }
    const out = await post("/auth/logout", { ...from, "x-csrf-token": csrfToken });
    assert.equal(out.status, 204);
  } finally {
    await gateway.stop();
  }
});
