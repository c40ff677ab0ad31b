/**
 * What front ends already send: other origins, other schemes, preflights,
 * passwords with spaces, backends behind a prefix.
 */
import assert from "node:assert/strict";
import { plain } from "../../support/raw_upstream.ts";
import { onEachRuntime, RUNTIMES, startStand } from "../../support/stand.ts";

onEachRuntime("a front end on another origin", {
  config: {
    cors: { origins: ["https://spa.example.net"], credentials: true },
  },
}, async (stand, step) => {
  const preflight = (target: string, origin: string, method = "POST") =>
    stand.send({
      method: "OPTIONS",
      target,
      headers: [
        `Origin: ${origin}`,
        `Access-Control-Request-Method: ${method}`,
        "Access-Control-Request-Headers: authorization,content-type",
      ],
    });

  await step("may ask our own endpoints that are meant for it", async () => {
    for (
      const target of ["/api/token/", "/api/token/refresh/", "/auth/refresh", "/auth/session"]
        .concat(["/.well-known/jwks.json"])
    ) {
      const method = /session|jwks/.test(target) ? "GET" : "POST";
      const answer = await preflight(target, "https://spa.example.net", method);
      assert.ok([200, 204].includes(answer.status), `${target}: ${answer.raw}`);
      assert.equal(answer.get("access-control-allow-origin"), "https://spa.example.net", target);
      assert.match(answer.get("access-control-allow-methods") ?? "", new RegExp(method));
      assert.match(answer.get("access-control-allow-headers") ?? "", /authorization/i);
    }
    const answer = await stand.send({
      method: "POST",
      target: "/api/token/",
      headers: ["Content-Type: application/json", "Origin: https://spa.example.net"],
      body: JSON.stringify({ username: "bob", password: "battery staple" }),
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.get("access-control-allow-origin"), "https://spa.example.net");
    assert.match(answer.all("vary").join(), /origin/i);
  });

  await step("anybody else may not", async () => {
    for (
      const origin of ["https://evil.example", "null", "https://spa.example.net.evil.example"]
        .concat([
          "http://spa.example.net",
          "https://spa.example.net:444",
          "https://SPA.example.net",
        ])
    ) {
      const answer = await preflight("/api/token/", origin);
      assert.notEqual(answer.get("access-control-allow-origin"), origin);
      assert.notEqual(answer.get("access-control-allow-origin"), "*");
    }
  });
});

onEachRuntime("other words for Bearer", {
  config: { tokens: { headerTypes: ["Bearer", "JWT"] } },
}, async (stand, step) => {
  await step("are taken where they are set, and reach no upstream", async () => {
    const bob = await stand.signIn("bob");
    for (const scheme of ["Bearer", "bearer", "JWT", "jwt", "Jwt"]) {
      stand.upstream.forget();
      const answer = await stand.get("/x", [`Authorization: ${scheme} ${bob.access}`]);
      assert.equal(answer.status, 200, `${scheme}: ${answer.text}`);
      assert.equal(stand.upstream.last().get("authorization"), null);
      await stand.get("/public/x", [`Authorization: ${scheme} ${bob.access}`]);
      assert.ok(!stand.upstream.everything().includes(bob.access), scheme);
    }
    for (const scheme of ["Token", "JWTX", "Basic", "J WT"]) {
      const answer = await stand.get("/x", [`Authorization: ${scheme} ${bob.access}`]);
      assert.equal(answer.status, 401, scheme);
    }
  });
});

onEachRuntime("a backend with words of its own", {
  routes: [
    { path: "/foo/*", upstream: "app", auth: "none", rewrite: { stripPrefix: "/foo" } },
    { path: "/bar/*", upstream: "app", auth: "none", rewrite: { addPrefix: "/inner" } },
    { path: "/api/*", methods: ["OPTIONS"], upstream: "app", auth: "none" },
    { path: "/*", upstream: "app" },
  ],
}, async (stand, step) => {
  await step(
    "is found again behind its prefix: Location and cookie paths are mapped back",
    async () => {
      const host = stand.upstream.url.slice("http://".length);
      for (
        const [target, location, mapped] of [
          ["/foo/x", "/dir/", "/foo/dir/"],
          [
            "/foo/x",
            `http://${host}/dir/?a=1#f`,
            /^(https:\/\/app\.example\.com)?\/foo\/dir\/\?a=1#f$/,
          ],
          ["/bar/x", "/inner/bar/dir", "/bar/dir"],
          ["/foo/x", "https://elsewhere.example/dir", "https://elsewhere.example/dir"],
          ["/foo/x", "dir/next", "dir/next"],
        ] as const
      ) {
        stand.upstream.answer(() =>
          plain(
            "",
            [`Location: ${location}`, "Set-Cookie: app=1; Path=/dir; HttpOnly"],
            "302 Found",
          )
        );
        const answer = await stand.get(target);
        const got = answer.get("location") ?? "";
        if (typeof mapped === "string") assert.equal(got, mapped, `${target} ${location}`);
        else assert.match(got, mapped, `${target} ${location}`);
        if (target === "/foo/x") assert.match(answer.get("set-cookie") ?? "", /Path=\/foo\/dir/i);
      }
      stand.upstream.answer(() => {});
    },
  );

  await step("answers its own preflights where a route lets it", async () => {
    stand.upstream.answer(() => plain("", ["Access-Control-Allow-Origin: https://spa.example"]));
    const answer = await stand.send({
      method: "OPTIONS",
      target: "/api/x",
      headers: ["Origin: https://spa.example", "Access-Control-Request-Method: PUT"],
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.get("access-control-allow-origin"), "https://spa.example");
    stand.upstream.answer(() => {});
  });
});

for (const harness of RUNTIMES) {
  Deno.test({
    name: `${harness.name}: a password is what was typed, on every way in`,
    sanitizeResources: false,
    sanitizeOps: false,
    async fn() {
      const stand = await startStand(harness);
      try {
        const statuses: string[] = [];
        for (const password of ["battery staple ", " battery staple", "battery staple\t"]) {
          for (const target of ["/auth/login", "/api/token/"]) {
            const answer = await stand.send({
              method: "POST",
              target,
              headers: ["Content-Type: application/json", "Origin: https://app.example.com"],
              body: JSON.stringify({ username: "bob", password }),
            });
            statuses.push(`${target} ${answer.status}`);
          }
        }
        const { asked } = stand.login;
        const differing = asked.filter(({ password }) => password.trim() === password);
        // SimpleJWT trims; whoever keeps that on purpose says so in the list of differences.
        const readme = await Deno.readTextFile(
          new URL("../simplejwt_differential_test.ts", import.meta.url),
        );
        if (differing.length > 0) {
          assert.match(readme, /trim|white ?space|spaces/i, statuses.join());
        }
      } finally {
        await stand.stop();
      }
    },
  });
}
