/**
 * Paths of our own never reach an upstream, in no spelling, and answer as the
 * wire contract says.
 */
import assert from "node:assert/strict";
import { onEachRuntime } from "../../support/stand.ts";

const OPEN = [{ path: "/*", upstream: "app", auth: "none" }];

onEachRuntime("our own paths", { routes: OPEN }, async (stand, step) => {
  await step("no spelling of one of them reaches an upstream", async () => {
    const through: string[] = [];
    for (
      const target of [
        ...["/auth", "/auth/", "/auth/login", "/auth/nope", "/auth/login/", "/auth/./login"],
        ...["/auth%3Bx/login", "/auth;x/login", "/;x/auth/login", "/auth;/login", "/auth%3b/login"],
        ...[
          "/%61uth/login",
          "/%2561uth/login",
          "/%252561uth/login",
          "/auth%2Flogin",
          "/auth%252Flogin",
        ],
        ...[
          "/AUTH/login",
          "/Auth/Login",
          "//auth/login",
          "/x/../auth/login",
          "/x/%2e%2e/auth/login",
        ],
        ...[
          "/x/..;/auth/login",
          "/auth./login",
          "/auth%20/login",
          "/auth%00/login",
          "/auth\\login",
        ],
        ...["/auth%5Clogin", "/%C0%AFauth/login", "/%EF%BC%8Fauth/login", "/%EF%BD%81uth/login"],
        ...[
          "/auth%C2%A0/login",
          "/auth.json",
          "/auth%E2%80%8B/login",
          "/%2e/auth/login",
          "/./auth/x",
        ],
        ...["/api/token", "/api/token/", "/api/token/refresh/", "/api/token/nope", "/api//token/"],
        ...["/api;x/token/", "/api/token;x/", "/%61pi/token/", "/api/%2574oken/", "/API/TOKEN/"],
        ...["/.well-known/jwks.json", "/.well-known/jwks%2Ejson", "/%2ewell-known/jwks.json"],
        ...["/.well-known;x/jwks.json", "/.well-known/jwks.json;x", "/.WELL-KNOWN/jwks.json"],
        ...["/.well-known/%6awks.json", "/.well-known/%256awks.json"],
      ]
    ) {
      for (const method of ["GET", "POST", "OPTIONS"]) {
        stand.upstream.forget();
        await stand.send({ method, target });
        for (const { target: got } of stand.upstream.seen) {
          through.push(`${method} ${target} → ${got}`);
        }
      }
    }
    assert.deepEqual(through, []);
  });

  await step("paths that only begin alike are the upstream's", async () => {
    for (
      const target of ["/authors", "/auth-x/login", "/api/tokens", "/api/tokenize/", "/author/x"]
    ) {
      stand.upstream.forget();
      assert.equal((await stand.get(target)).status, 200, target);
      assert.equal(stand.upstream.last().target, target);
    }
  });

  await step("an unknown one is 404, and a wrong method 405 with Allow", async () => {
    assert.equal((await stand.get("/auth/nope")).status, 404);
    const wrong = await stand.get("/auth/refresh");
    assert.equal(wrong.status, 405);
    assert.match(wrong.get("allow") ?? "", /POST/);
  });

  await step("metrics, readiness and the admin API are not on the public listener", async () => {
    for (
      const target of [
        "/auth/metrics",
        "/auth/readyz",
        "/metrics",
        "/readyz",
        "/auth/admin/sessions",
      ]
    ) {
      const answer = await stand.get(target);
      if (target.startsWith("/auth")) {
        assert.equal(answer.status, 404, `${target}: ${answer.status}`);
      }
      assert.ok(!/postern_|go_|process_/.test(answer.text), target);
    }
    assert.equal((await stand.get("/auth/healthz")).status, 200);
  });

  await step("introspection answers nobody without a client credential", async () => {
    const bob = await stand.signIn("bob");
    const ask = (headers: string[]) =>
      stand.send({
        method: "POST",
        target: "/auth/introspect",
        headers: ["Content-Type: application/x-www-form-urlencoded", ...headers],
        body: `token=${bob.access}`,
      });
    for (
      const headers of [[], [bob.bearer], [`Authorization: Basic ${btoa("a:b")}`], [
        "Authorization: Basic",
      ], [bob.cookie]]
    ) {
      const answer = await ask(headers);
      assert.ok([401, 403].includes(answer.status), `${headers}: ${answer.status} ${answer.text}`);
      assert.ok(!/"active"/.test(answer.text));
    }
  });

  await step("our own answers carry HSTS, COOP and CORP", async () => {
    for (
      const target of ["/auth/login", "/auth/session", "/auth/healthz", "/.well-known/jwks.json"]
    ) {
      const answer = await stand.get(target, ["Accept: text/html"]);
      assert.match(answer.get("strict-transport-security") ?? "", /max-age=\d{7,}/, target);
      assert.equal(answer.get("cross-origin-opener-policy"), "same-origin", target);
      assert.ok(answer.get("cross-origin-resource-policy") !== null, target);
      assert.equal(answer.get("x-content-type-options"), "nosniff", target);
    }
  });
});
