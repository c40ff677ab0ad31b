/**
 * `providers` of the configuration: the README's examples, and what is refused.
 */
import assert from "node:assert/strict";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";

const GOOD = {
  origin: "https://app.example.com",
  upstreams: { app: { targets: ["http://127.0.0.1:8000"] } },
  routes: [{ path: "/*", upstream: "app" }],
};
const WORK = {
  issuer: "https://id.example.com",
  clientId: "postern",
  clientSecret: { env: "WORK_SECRET" },
};

function problems(changes: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    parseConfig({ ...GOOD, ...changes }, "production");
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
}

Deno.test("the README's examples are a configuration", async () => {
  const readme = await Deno.readTextFile(
    new URL("../../src/identity/oidc/README.md", import.meta.url),
  );
  const [, json = ""] = /```json\n([\s\S]+?)```/.exec(readme) ?? [];
  const example = JSON.parse(json.replaceAll("<tenant id>", "tenant"));
  const config = parseConfig({ ...GOOD, ...example }, "production", () => "a secret");
  assert.deepEqual([...config.providers.keys()], [
    "keycloak",
    "entra",
    "google",
    "auth0",
    "okta",
  ]);
  const keycloak = config.providers.get("keycloak");
  assert.deepEqual(keycloak?.oidc.clientAuth, { kind: "private_key_jwt" });
  assert.ok(keycloak?.admission.keepsContext, "a route asks how somebody signed in");
  assert.ok(keycloak?.admission.prefixesSubject, "there is more than one source");
});

Deno.test("one provider alone leaves subjects as they are", () => {
  const { providers, identity } = parseConfig(
    { ...GOOD, providers: { work: WORK } },
    "production",
    () => "a secret",
  );
  assert.equal(providers.get("work")?.admission.prefixesSubject, false);
  assert.equal(identity.kind, "none");
});

Deno.test("what can not work is one clear line", () => {
  const cases: readonly [unknown, RegExp][] = [
    [{ work: { ...WORK, issuer: "http://id.example.com" } }, /issuer: .* plain http; use https/],
    [{ work: { ...WORK, clientSecret: "in the file" } }, /clientSecret: must be \{"env"/],
    [{ work: { ...WORK, clientSecret: undefined } }, /./],
    [{ work: { issuer: WORK.issuer, clientId: "x" } }, /clientSecret: is required/],
    [{ work: { ...WORK, clientAuth: "none" } }, /is not used with clientAuth "none"/],
    [{ work: { ...WORK, scopes: ["email"] } }, /scopes: must hold "openid"/],
    [{ work: { ...WORK, parameters: { state: "x" } } }, /written by the protocol itself/],
    [{ work: { ...WORK, hints: { redirect_uri: "any" } } }, /written by the protocol itself/],
    [{ work: { ...WORK, algorithms: ["HS256"] } }, /algorithms/],
    [{ work: { ...WORK, algorithms: ["none"] } }, /algorithms/],
    [{ work: { ...WORK, allow: { domains: ["@example.com"] } } }, /must be a domain/],
    [{ "Work!": WORK }, /lower-case letters/],
    [{}, /identity: is required where there are no providers/],
  ];
  for (const [providers, expected] of cases) {
    assert.match(problems({ providers }).join("\n"), expected, JSON.stringify(providers));
  }
});

Deno.test("a secret comes from the environment or a file, and its absence is told by name", async () => {
  const load = (env: Record<string, string>, secret: unknown) =>
    loadConfig({
      env: {
        POSTERN_CONFIG: JSON.stringify({
          ...GOOD,
          providers: { work: { ...WORK, clientSecret: secret } },
        }),
        ...env,
      },
      mode: "production",
      readTextFile: (path) => Promise.resolve(path === "/run/s" ? "from a file\n" : null),
    });
  const secretOf = (config: Awaited<ReturnType<typeof load>>) => {
    const auth = config.providers.get("work")?.oidc.clientAuth;
    return auth !== undefined && "secret" in auth ? auth.secret : null;
  };
  assert.equal(secretOf(await load({ S: "from env" }, { env: "S" })), "from env");
  assert.equal(secretOf(await load({}, { file: "/run/s" })), "from a file");
  await assert.rejects(load({}, { env: "S" }), /clientSecret: the environment variable S is not/);
  await assert.rejects(load({}, { file: "/none" }), /there is nothing in the file "\/none"/);
});
