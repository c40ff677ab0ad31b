import assert from "node:assert/strict";
import type { Mode } from "../../src/base/environment.ts";
import { configJsonSchema } from "../../src/config/json_schema.ts";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";

const GOOD = {
  origin: "https://app.example.com",
  identity: { kind: "upstream", url: "http://127.0.0.1:8000/api/login", subject: "/user/id" },
  upstreams: { app: { targets: ["http://127.0.0.1:8000"] } },
  routes: [{ path: "/*", upstream: "app" }],
};

function problems(changes: Record<string, unknown>, mode: Mode = "production"): readonly string[] {
  try {
    parseConfig({ ...GOOD, ...changes }, mode);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
}

Deno.test("the example of the design is a configuration, and defaults are the design's", () => {
  const config = parseConfig({
    origin: "https://app.example.com",
    identity: {
      kind: "upstream",
      url: "http://127.0.0.1:8000/api/login",
      subject: "/user/id",
      claims: { scope: "/user/permissions" },
    },
    tokens: {
      accessTtl: "30m",
      refreshTtl: "30d",
      sessionMaxAge: "90d",
      rotationGrace: "10s",
      clockTolerance: "5s",
    },
    store: { kind: "upstash" },
    revocation: { pollInterval: "2s", maxStaleness: "5s" },
    upstreams: { app: { targets: ["http://127.0.0.1:8000"], timeout: "30s", assertion: true } },
    routes: [
      { path: "/static/*", upstream: "app", auth: "none" },
      {
        path: "/api/admin/*",
        upstream: "app",
        require: { scope: ["admin"] },
        revocation: "strict",
      },
      { path: "/*", upstream: "app", auth: "required" },
    ],
  }, "production");
  const defaults = parseConfig(GOOD, "production");
  assert.deepEqual(defaults.tokens, config.tokens);
  assert.deepEqual(defaults.revocation, config.revocation);
  assert.deepEqual(defaults.paths, { auth: "/auth", token: "/api/token" });
  assert.equal(defaults.throttle.perUser, 10);
  assert.equal(defaults.throttle.perAddress, 100);
  assert.equal(defaults.throttle.windowMs, 15 * 60_000);
  assert.equal(config.upstreams.get("app")?.assertion?.alg, "ES256");
  assert.equal(config.upstreams.get("app")?.assertion?.ttlSeconds, 60);
});

Deno.test("every mistake is one line with the path to it", () => {
  const cases: readonly (readonly [Record<string, unknown>, readonly string[]])[] = [
    [
      {
        routes: [{ path: "/", upstream: "app" }, { path: "/a", upstream: "app" }, {
          path: "/*",
          upstream: "ap",
        }],
      },
      ['routes[2].upstream: there is no upstream "ap"; known: app'],
    ],
    [{ orgin: "x" }, ["orgin: unknown setting"]],
    [{ origin: undefined }, ["origin: is required (string)"]],
    [{ tokens: { accessTtl: 30 } }, ["tokens.accessTtl: must be a string"]],
    [{ tokens: { accessTtl: "30" } }, [
      'tokens.accessTtl: must be a duration with a unit, such as "30s" or "15m"',
    ]],
    [{ tokens: { accessTtl: "400d" } }, ["tokens.accessTtl: must be at least 1s and at most 1d"]],
    [
      { store: { kind: "postgres" } },
      ['store.kind: must be "sqlite" or "upstash" or "redis" or "memory"'],
    ],
    [
      { trustedProxies: ["everybody"] },
      ['trustedProxies[0]: must be an address or CIDR block, such as "10.0.0.0/8"'],
    ],
    [{ routes: [{ path: "a", upstream: "app" }] }, ['routes[0].path: must start with "/"']],
    [
      { routes: [{ path: "/*", upstream: "app", auth: "none", revocation: "strict" }] },
      ['routes[0].revocation: has no meaning on a route with auth "none"; remove one of them'],
    ],
    [{ origin: "app.example.com" }, [
      'origin: must be the public origin, such as "https://app.example.com"',
    ]],
    [{ upstreams: undefined }, ["upstreams: is required (object)"]],
    [{ upstreams: { app: { targets: [] } } }, ["upstreams.app.targets: must not be empty"]],
    [{ store: { kind: "sqlite", path: "" } }, ["store.path: must not be empty"]],
    [{ tokens: { maxSessions: 0 } }, ["tokens.maxSessions: must be at least 1"]],
    [{ tokens: { maxSessions: 1.5 } }, ["tokens.maxSessions: must be a whole number"]],
    [{ throttle: { perUser: 0 } }, ["throttle.perUser: must be at least 1"]],
    [
      { identity: { kind: "upstream", url: "http://127.0.0.1/x", subject: "/id", timeout: 5 } },
      ["identity.timeout: must be a string"],
    ],
    [{ upstreams: { app: { targets: ["http://127.0.0.1:1"], assertion: "yes" } } }, [
      "upstreams.app.assertion: must be a boolean or an object",
    ]],
    [{ upstreams: { app: { targets: ["http://127.0.0.1:1"], assertion: { alg: "HS256" } } } }, [
      'upstreams.app.assertion.alg: must be "ES256" or "EdDSA" or "RS256"',
    ]],
    [{ upstreams: { app: { targets: ["http://127.0.0.1:1"], assertion: { hedaer: "X" } } } }, [
      "upstreams.app.assertion.hedaer: unknown setting",
    ]],
    [{ workers: "all" }, ['workers: must be a number or "auto"']],
    [{ workers: 0 }, ["workers: must be at least 1"]],
    [{ introspection: { clients: { a: { secret: { env: "1 x" } } } } }, [
      'introspection.clients.a.secret.env: must be the name of an environment variable, such as "OIDC_SECRET"',
    ]],
    [{ introspection: { clients: { a: { secret: "s3cret" } } } }, [
      'introspection.clients.a.secret: must be {"env": "NAME"} or {"file": "path"}: secrets do not stand in this file',
    ]],
    [{ pages: { color: "red" } }, ['pages.color: must be a colour such as "#1f6f54"']],
    [{ pages: { language: "fr" } }, [
      "pages.language: there are texts for en, de; add others in pages.texts",
    ]],
  ];
  for (const [changes, expected] of cases) {
    assert.deepEqual(problems(changes), expected);
  }
});

Deno.test("no claim of somebody else's can stand where Postern's own do", () => {
  const upstream = { kind: "upstream", url: "http://127.0.0.1:8000/login", subject: "/id" };
  for (
    const claim of [
      "iss",
      "aud",
      "sub",
      "sid",
      "jti",
      "iat",
      "exp",
      "nbf",
      "token_type",
      "grp",
      "cnf",
    ]
  ) {
    assert.deepEqual(problems({ identity: { ...upstream, claims: { [claim]: "/x" } } }), [
      `identity.claims.${claim}: is written by Postern itself; choose another name`,
    ]);
    assert.deepEqual(problems({ tokens: { subjectClaim: claim } }), [
      `tokens.subjectClaim: "${claim}" has a meaning of its own; choose another name, such as "user_id"`,
    ]);
  }
  // A person called "admin" would have that scope.
  assert.equal(problems({ tokens: { subjectClaim: "scope" } }).length, 1);
  assert.deepEqual(problems({ tokens: { subjectClaim: "user_id" } }), []);
});

Deno.test("several mistakes are all told at once", () => {
  assert.equal(problems({ orgin: "x", tokens: { accessTtl: "x", refreshTtl: "y" } }).length, 3);
});

Deno.test("guarantee 9: unsafe settings are refused by name, with what to put there", () => {
  const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ origin: "http://app.example.com" }, /^origin: .*put the public https origin there/],
    [{ identity: { kind: "demo" } }, /^identity\.kind: .*use "upstream"/],
    [{ store: { kind: "memory" } }, /^store\.kind: .*use "sqlite", "redis" or "upstash"/],
    [{ revocation: { pollInterval: "5s", maxStaleness: "5s" } }, /^revocation\.pollInterval: /],
    [{ tokens: { accessTtl: "1h", refreshTtl: "10m" } }, /^tokens\.accessTtl: /],
  ];
  for (const [changes, message] of cases) {
    const [line = ""] = problems(changes);
    assert.match(line, message);
  }
  assert.deepEqual(problems({ origin: "http://localhost:8787" }), []);
  assert.deepEqual(problems({ identity: { kind: "demo" }, store: { kind: "memory" } }, "dev"), []);
  assert.equal(
    problems({ origin: "http://app.example.com" }, "dev").length,
    1,
    "dev is no excuse for http",
  );
});

Deno.test("the configuration comes from a file, from the JSON itself, or is the demo", async () => {
  const files: Record<string, string> = {
    "postern.json": JSON.stringify(GOOD),
    "broken.json": "{",
  };
  const load = (env: Record<string, string>, mode: Mode = "production", all = files) =>
    loadConfig({ env, mode, readTextFile: (path) => Promise.resolve(all[path] ?? null) });
  assert.equal((await load({})).origin, GOOD.origin);
  assert.equal((await load({ POSTERN_CONFIG: JSON.stringify(GOOD) })).origin, GOOD.origin);
  assert.equal((await load({}, "dev", {})).identity.kind, "demo");
  await assert.rejects(
    load({}, "production", {}),
    /POSTERN_CONFIG: there is no file "postern.json"/,
  );
  await assert.rejects(load({ POSTERN_CONFIG: "no.json" }, "dev"), /there is no file "no.json"/);
  await assert.rejects(load({ POSTERN_CONFIG: "broken.json" }), /broken.json: not valid JSON/);
});

Deno.test("the JSON Schema for editors knows every setting", () => {
  const schema = JSON.stringify(configJsonSchema());
  for (
    const name of [
      "origin",
      "rotationGrace",
      "maxStaleness",
      "trustedProxies",
      "stripPrefix",
      "recheck",
      "legacy",
      "pages",
    ]
  ) {
    assert.ok(schema.includes(`"${name}"`), name);
  }
});

Deno.test("the JSON Schema tells an editor what a duration, a size and a pointer look like", () => {
  const at = (path: string) =>
    path.split("/").reduce<unknown>(
      (node, key) => (node as Record<string, unknown>)[key],
      configJsonSchema(),
    ) as string;
  const accessTtl = new RegExp(at("properties/tokens/properties/accessTtl/pattern"));
  for (const good of ["30m", "500ms", "0.5h", "90d"]) assert.match(good, accessTtl);
  for (const bad of ["30", "30 m", "30M", "-1s", "1m30s", ""]) assert.doesNotMatch(bad, accessTtl);
  const body = new RegExp(at("properties/limits/properties/body/pattern"));
  assert.match("10MiB", body);
  assert.doesNotMatch("10MB", body);
  const subject = new RegExp(at("properties/identity/oneOf/0/properties/subject/pattern"));
  assert.match("/user/id", subject);
  assert.doesNotMatch("user.id", subject);
});

Deno.test("passwords and tokens that would cross a network in clear are refused at start", () => {
  const login = (url: string) =>
    problems({ identity: { kind: "upstream", url, subject: "/user/id" } });
  for (
    const url of ["http://login.example.com/in", "http://10.255.255.1/in", "http://[fd00::1]/in"]
  ) {
    assert.match(login(url).join(), /^identity\.url: .*in clear; use https/, url);
  }
  for (
    const url of [
      "https://login.example.com/in",
      "http://127.0.0.1:8000/in",
      "http://127.1.2.3/in",
      "http://[::1]:8000/in",
      "http://localhost/in",
      "http://django:8000/in",
    ]
  ) {
    assert.deepEqual(login(url), [], url);
  }
  const legacy = { verifyUrl: "http://old.example.com/api/token/verify/" };
  assert.match(problems({ tokens: { legacy } }).join(), /^tokens\.legacy\.verifyUrl: /);
});

Deno.test("tokens that others signed are not passed on over a network in clear", () => {
  const at = (target: string, forwardToken: boolean) =>
    problems({ upstreams: { app: { targets: ["http://127.0.0.1:1", target], forwardToken } } });
  assert.deepEqual(at("http://app.example.com", true), [
    'upstreams.app.targets[1]: "http://app.example.com" would send forwarded tokens over the network in clear; use https, or an address of this machine or its container network',
  ]);
  for (const target of ["https://app.example.com", "http://app:8000", "unix:/run/app.sock"]) {
    assert.deepEqual(at(target, true), [], target);
  }
  assert.deepEqual(at("http://app.example.com", false), [], "an identity is no credential");
});

Deno.test("trusting everybody as a proxy is refused at start, in one piece or in many", () => {
  const quarters = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"];
  for (
    const trustedProxies of [
      ["0.0.0.0/0"],
      ["::/0"],
      ["10.0.0.0/8", "::/0"],
      ["0.0.0.0/1", "128.0.0.0/1"],
      quarters,
      [...quarters.slice(1), "10.0.0.0/8"],
      ["2000::/3"],
      ["2000::/4", "3000::/4"],
      ["1.2.3.4/0"],
    ]
  ) {
    assert.match(problems({ trustedProxies }).join(), /^trustedProxies: trusts everybody/);
  }
  for (
    const trustedProxies of [
      ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8", "127.0.0.1", "::1"],
      ["104.16.0.0/13", "2606:4700::/32"],
      ["10.0.0.0/8", "10.0.0.0/8", "10.1.0.0/16"],
    ]
  ) {
    assert.deepEqual(problems({ trustedProxies }), []);
  }
});

Deno.test("a route that no request can reach is refused at start", () => {
  const lines = (...routes: Record<string, unknown>[]) =>
    problems({ routes: routes.map((route) => ({ upstream: "app", ...route })) }).join("\n");
  for (
    const routes of [
      [{ path: "/*" }, { path: "/admin/*", require: { scope: ["admin"] } }],
      [{ path: "/a/*" }, { path: "/a/b" }],
      [{ path: "/users/:id" }, { path: "/users/me" }],
      [{ path: "/%61/*" }, { path: "/a/b" }],
      [{ path: "/*", methods: ["GET", "POST"] }, { path: "/x", methods: ["HEAD"] }],
      [{ path: "/*", host: "*.example.com" }, { path: "/*", host: "a.example.com" }],
      [{ path: "/auth/login" }, { path: "/*" }],
      [{ path: "/.well-known/jwks.json" }, { path: "/*" }],
    ]
  ) {
    assert.match(lines(...routes), /^routes\[[01]\]\.path: .* is never reached/);
  }
  for (
    const routes of [
      [{ path: "/a/*" }, { path: "/*" }],
      [{ path: "/a/:x" }, { path: "/a/*" }],
      [{ path: "/*", methods: ["GET"] }, { path: "/*" }],
      [{ path: "/*", host: "a.example.com" }, { path: "/*", host: "*.example.com" }],
      [{ path: "/a" }, { path: "/a/" }],
      [{ path: "/authors/*" }, { path: "/*" }],
    ]
  ) {
    assert.equal(lines(...routes), "");
  }
});

Deno.test("limits beyond the runtime's own are refused at start", () => {
  assert.match(
    problems({ limits: { headerCount: 1000 } }).join(),
    /^limits\.headerCount: .*runtime/,
  );
  assert.match(problems({ limits: { headerBytes: "256KiB" } }).join(), /^limits\.headerBytes: /);
  assert.match(problems({ limits: { url: "40KiB" } }).join(), /^limits\.headerBytes: /);
  assert.deepEqual(problems({ limits: { url: "8KiB", headerBytes: "54KiB" } }), []);
});

Deno.test("a byte order mark in front of the file is no mistake", async () => {
  const config = await loadConfig({
    env: {},
    mode: "production",
    readTextFile: () => Promise.resolve(`\ufeff${JSON.stringify(GOOD)}`),
  });
  assert.equal(config.origin, GOOD.origin);
});

Deno.test("plain http is for this machine alone, under any name that a browser has for it", () => {
  for (const host of ["localhost:8787", "127.0.0.1:8787", "[::1]:8787", "shop.localhost:8787"]) {
    const origin = `http://${host}`;
    assert.deepEqual(problems({ origin }), [], origin);
    assert.deepEqual(problems({ origin: "http://localhost:1", origins: [origin] }), [], origin);
  }
  for (const host of ["app.example.com", "localhost.example.com", "notlocalhost", "10.0.0.1"]) {
    assert.match(problems({ origin: `http://${host}` })[0] ?? "", /^origin: .* over plain http/);
    const beside = problems({ origin: "http://localhost:1", origins: [`http://${host}`] });
    assert.match(beside[0] ?? "", /^origins\[0\]: .* over plain http/);
  }
  const mixed = problems({ origins: ["http://localhost:1"] });
  assert.match(mixed[0] ?? "", /^origins\[0\]: .* must have the scheme of origin/);
});
