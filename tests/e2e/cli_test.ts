/** The command line against a gateway that runs, and against the store of one that does not. */
import assert from "node:assert/strict";
import { PEOPLE, startBackend } from "../support/backend.ts";
import { startGatewayProcess } from "../support/gateway_process.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/until.ts";
import { startIssuer } from "../tokens/issuers/issuer_server.ts";
import { generateKeySet } from "../../src/tokens/key_ring.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  // deno-lint-ignore no-explicit-any
  readonly json: any;
}

interface CliOptions {
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

interface Stage {
  readonly gateway: GatewayProcess;
  readonly folder: string;
  /** Where its admin listener is. */
  readonly admin: string;
  readonly config: Record<string, unknown>;
  cli(args: readonly string[], options?: CliOptions): Promise<Result>;
  signIn(name: keyof typeof PEOPLE): Promise<{ access: string; refresh: string }>;
  status(access: string): Promise<number>;
}

async function withStage(act: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "postern-cli-" });
  const backend = startBackend();
  const port = freePort();
  const admin = `127.0.0.1:${freePort()}`;
  const config = {
    origin: `http://localhost:${port}`,
    identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
    store: { kind: "sqlite", path: `${folder}/postern.db` },
    upstreams: { app: { targets: [backend.url] } },
    routes: [{ path: "/*", upstream: "app" }],
  };
  await Deno.writeTextFile(`${folder}/postern.json`, JSON.stringify(config));
  await Deno.writeTextFile(`${folder}/keys`, JSON.stringify(await generateKeySet()), {
    mode: 0o600,
  });
  const env = {
    POSTERN_CONFIG: `${folder}/postern.json`,
    POSTERN_KEYS: "",
    POSTERN_KEYS_FILE: `${folder}/keys`,
    POSTERN_ADMIN: admin,
    USER: "grace",
  };
  const gateway = await startGatewayProcess({ port, config: {}, env });
  const decoder = new TextDecoder();

  async function cli(
    args: readonly string[],
    options: CliOptions = {},
  ): Promise<Result> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${ROOT}src/main.ts`, ...args],
      env: { ...env, ...options.env },
      cwd: options.cwd ?? folder,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.stdin ?? ""));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const out = decoder.decode(stdout);
    return {
      code,
      out,
      err: decoder.decode(stderr),
      json: args.includes("--json") && out !== "" ? JSON.parse(out) : null,
    };
  }

  try {
    await act({
      gateway,
      folder,
      admin,
      config,
      cli,
      async signIn(name) {
        const response = await fetch(`http://127.0.0.1:${port}/api/token/`, {
          method: "POST",
          body: new URLSearchParams({ username: name, password: PEOPLE[name].password }),
        });
        return await response.json();
      },
      async status(access) {
        const response = await fetch(`http://127.0.0.1:${port}/api`, {
          headers: { authorization: `Bearer ${access}` },
        });
        await response.body?.cancel();
        return response.status;
      },
    });
  } finally {
    await gateway.stop();
    await backend.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("sessions are listed, shown and ended: a table for people, JSON for scripts", async () => {
  await withStage(async ({ cli, signIn, status, gateway }) => {
    const { access } = await signIn("ada");
    await signIn("bob");
    const table = await cli(["sessions", "list"]);
    assert.equal(table.code, 0, table.err);
    assert.match(table.out, /^SESSION +SUBJECT +PROVIDER +SIGNED IN/);
    assert.equal(table.out.trim().split("\n").length, 3);
    const list = await cli(["sessions", "list", "--json", "--subject", PEOPLE.ada.id]);
    assert.equal(list.json.sessions.length, 1);
    const { sid } = list.json.sessions[0];
    const show = await cli(["sessions", "show", sid]);
    assert.match(show.out, /subject +u-1/);
    const ended = await cli(["sessions", "revoke", sid]);
    assert.equal(ended.code, 0);
    assert.equal(await status(access), 401);
    await until(() => gateway.logs().includes('"actor":"local:grace"'), "the audit log says who");
    const again = await cli(["sessions", "revoke", sid]);
    assert.equal(again.code, 1);
    assert.match(again.err, /There is no such session/);
    // One value for a script, however many sessions it named and whatever became of each.
    const other = (await cli(["sessions", "list", "--json"])).json.sessions[0].sid;
    const both = await cli(["sessions", "revoke", sid, other, "--json"]);
    assert.equal(both.code, 1);
    assert.deepEqual(both.json, { ended: [other], failed: [{ sid, code: "session_not_found" }] });
  });
});

Deno.test("one person, or everybody, is signed out; a dry run only counts", async () => {
  await withStage(async ({ cli, signIn, status }) => {
    const [ada, bob] = [await signIn("ada"), await signIn("bob")];
    const dry = await cli(["subjects", "revoke", PEOPLE.ada.id, "--dry-run"]);
    assert.equal(dry.out, "would end 1 session\n");
    assert.equal(await status(ada.access), 200);
    assert.equal((await cli(["subjects", "revoke", PEOPLE.ada.id])).out, "ended 1 session\n");
    assert.equal(await status(ada.access), 401);
    assert.equal(await status(bob.access), 200);
    assert.equal((await cli(["revoke", "--all"])).code, 2, "without a time it is a typing error");
    const all = await cli(["revoke", "--all", "--before", "now", "--json"]);
    assert.deepEqual(all.json, { count: 1, atLeast: false, dryRun: false });
    assert.equal(await status(bob.access), 401);
  });
});

Deno.test("a gateway that runs is asked without its keys at hand, whatever became of its file", async () => {
  await withStage(async ({ cli, gateway, config, admin }) => {
    const bare = { POSTERN_ADMIN: "", POSTERN_KEYS: "", POSTERN_KEYS_FILE: "" };
    const at = { ...config, admin: { listen: admin } };
    const broken = { ...at, routes: "none", orgin: "x" };
    for (const written of [at, broken]) {
      const env = { ...bare, POSTERN_CONFIG: JSON.stringify(written) };
      const status = await cli(["status", "--json"], { env });
      assert.equal(status.code, 0, status.err);
      assert.equal(status.json.ready.ready, true);
    }
    await gateway.kill();
    const env = { ...bare, POSTERN_CONFIG: JSON.stringify(at) };
    const down = await cli(["sessions", "list"], { env });
    assert.equal(down.code, 1);
    assert.match(down.err, /POSTERN_KEYS: is required/);
  });
});

Deno.test("when the gateway is down the store is worked on, and it holds when the gateway is back", async () => {
  await withStage(async ({ cli, signIn, status, gateway }) => {
    const { access } = await signIn("ada");
    await gateway.kill();
    const list = await cli(["sessions", "list", "--json"]);
    assert.match(list.err, /No gateway answers at 127\.0\.0\.1:\d+; working on the store itself/);
    assert.equal(list.json.sessions.length, 1);
    const ended = await cli(["subjects", "revoke", PEOPLE.ada.id]);
    assert.equal(ended.out, "ended 1 session\n");
    assert.match(ended.err, /"event":"admin_action".*"actor":"local:grace"/);
    assert.equal((await cli(["status"])).code, 3, "the state of a gateway takes a gateway");
    await gateway.restart();
    assert.equal(await status(access), 401);
  });
});

Deno.test("keys are rotated in their file: the gateway takes them, and nobody is signed out", async () => {
  await withStage(async ({ cli, signIn, status, folder }) => {
    const { access } = await signIn("ada");
    assert.equal(await status(access), 200);
    const before = (await cli(["keys", "list", "--json"])).json.keys;
    const rotated = await cli(["keys", "rotate", "--write"]);
    assert.equal(rotated.code, 0, rotated.err);
    assert.doesNotMatch(rotated.out, /"d"/, "no key on the screen");
    assert.equal(((await Deno.stat(`${folder}/keys`)).mode ?? 0) & 0o077, 0);
    await until(async () => {
      const { keys } = (await cli(["keys", "list", "--json"])).json;
      return keys.length === before.length + 2 && keys[0].kid !== before[0].kid;
    }, "the new keys are in force");
    assert.equal(await status(access), 200);
    const printed = await cli(["keys", "rotate", "--keep", "0"]);
    assert.equal(JSON.parse(printed.out).keys.length, 2);

    // For several instances: everybody knows the new keys before the first token of theirs.
    const early = await cli(["keys", "rotate", "--promote", "--write"]);
    assert.equal(early.code, 1);
    assert.match(early.err, /no key was announced/);
    const [{ kid: signing }] = (await cli(["keys", "list", "--json"])).json.keys;
    const announced = await cli(["keys", "rotate", "--announce", "--write", "--json"]);
    assert.equal(announced.json.signs, signing, "the old key goes on signing");
    const promoted = await cli(["keys", "rotate", "--promote", "--write", "--json"]);
    assert.notEqual(promoted.json.signs, signing);
    await until(async () => {
      const { keys } = (await cli(["keys", "list", "--json"])).json;
      return keys[0].kid === promoted.json.signs;
    }, "the announced key signs");
    assert.equal(await status(access), 200);
  });
});

Deno.test("the configuration is checked, compared with what is in force, and reloaded", async () => {
  await withStage(async ({ cli, config, folder }) => {
    assert.equal((await cli(["config", "check"])).code, 0);
    assert.equal((await cli(["config", "diff"])).code, 0);
    const path = `${folder}/next.json`;
    await Deno.writeTextFile(path, JSON.stringify({ ...config, extra: true, routes: [] }));
    const check = await cli(["config", "check", path]);
    assert.equal(check.code, 1);
    assert.match(check.out, /^extra: unknown setting$/m);
    const next = { ...config, throttle: { perUser: 3 } };
    await Deno.writeTextFile(path, JSON.stringify(next));
    const diff = await cli(["config", "diff"], { env: { POSTERN_CONFIG: path } });
    assert.equal(diff.code, 1);
    assert.equal(diff.out, 'throttle: (absent) → {"perUser":3}\n');
    assert.match((await cli(["reload"])).out, /^unchanged: [0-9a-f]{64}$/m);
    assert.match((await cli(["status"])).out, /^ready +yes$/m);
    assert.equal(JSON.parse((await cli(["config", "schema"])).out).type, "object");
  });
});

Deno.test("the token may stand in a file, and a file that is not there is told in one line", async () => {
  await withStage(async ({ cli, folder }) => {
    const token = "a token of the tests and of more than 32 letters".replaceAll(" ", "-");
    const other = `127.0.0.1:${freePort()}`;
    await Deno.writeTextFile(`${folder}/token`, `ada:${token}\n`, { mode: 0o600 });
    const seen: (string | null)[] = [];
    const [hostname = "", port = ""] = other.split(":");
    const server = Deno.serve({ hostname, port: Number(port), onListen() {} }, (request) => {
      seen.push(request.headers.get("authorization"));
      return Response.json({ sessions: [], next: null });
    });
    const env = { POSTERN_ADMIN: other, POSTERN_ADMIN_TOKEN_FILE: `${folder}/token` };
    assert.equal((await cli(["sessions", "list"], { env })).code, 0);
    await server.shutdown();
    assert.deepEqual([...new Set(seen)], [`Bearer ${token}`]);

    const missing = await cli(["audit", "verify", `${folder}/nothing`]);
    assert.equal(missing.code, 1);
    assert.equal(missing.err.trim().split("\n").length, 1, missing.err);
    assert.match(missing.err, /nothing/);
    await Deno.mkdir(`${folder}/keys.new`);
    const blocked = await cli(["keys", "rotate", "--write"]);
    assert.equal(blocked.code, 1);
    assert.equal(blocked.err.trim().split("\n").length, 1, blocked.err);
  });
});

Deno.test("explain speaks of the request as it was typed, and of no route where none was found", async () => {
  await withStage(async ({ cli, config }) => {
    const explain = async (method: string, url: string) =>
      (await cli(["explain", method, url, "--json"])).json;
    for (const path of ["/a/%2e%2e/b", "/a/../b", "/a\\b", "/a//../b"]) {
      for (const url of [path, `${config["origin"]}${path}`]) {
        const told = await explain("GET", url);
        assert.deepEqual([told.status, told.route, told.passed], [400, null, false], url);
      }
    }
    assert.equal((await explain("get", "/x")).code, "token_missing");
    assert.equal((await explain("GET", "/x")).route.path, "/*");
    for (const url of ["/auth/session", "http://other.example/x"]) {
      assert.equal((await explain("GET", url)).route, null, url);
    }
  });
});

Deno.test("a token is inspected from standard input, and its signature is not repeated", async () => {
  await withStage(async ({ cli, signIn }) => {
    const { access, refresh } = await signIn("ada");
    const good = await cli(["token", "inspect", "--json"], { stdin: `Bearer ${access}\n` });
    assert.equal(good.code, 0, good.err);
    assert.equal(good.json.verdict, "good");
    assert.equal(good.json.standing, "its session stands");
    assert.equal(good.json.claims.sub, PEOPLE.ada.id);
    assert.ok(!good.out.includes(access.split(".")[2] ?? "-"));
    assert.equal((await cli(["token", "inspect"], { stdin: refresh })).code, 0);
    const broken = `${access.slice(0, -4)}AAAA`;
    const bad = await cli(["token", "inspect"], { stdin: broken });
    assert.equal(bad.code, 1);
    assert.match(bad.out, /verdict +bad signature/);
    assert.equal((await cli(["token", "inspect"], { stdin: "nonsense" })).code, 1);
  });
});

Deno.test("a token that others signed, or a program's, is inspected as the gateway verifies it", async () => {
  const issuer = await startIssuer();
  try {
    await withStage(async ({ cli, config, folder, gateway }) => {
      const secret = "a secret of the tests, not a real one";
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
      const changed = {
        ...config,
        issuers: {
          work: { issuer: issuer.issuer, types: ["at+jwt"], audience: "https://api.test" },
        },
        clients: {
          cron: { secretHash: `sha256:${new Uint8Array(digest).toHex()}`, scope: ["read"] },
        },
      };
      await Deno.writeTextFile(`${folder}/postern.json`, JSON.stringify(changed));
      assert.equal((await cli(["reload"])).code, 0);
      const doctor = await cli(["doctor", "--json"]);
      const told = doctor.json.findings.filter(({ what }: { what: string }) =>
        what === "issuer work"
      );
      assert.deepEqual(told, [
        { level: "ok", what: "issuer work", says: `1 key at ${issuer.jwks}` },
      ]);
      const verdict = async (token: string) =>
        (await cli(["token", "inspect", "--json"], { stdin: token })).json.verdict;
      const iat = Math.floor(Date.now() / 1000);
      const claims = {
        iss: issuer.issuer,
        sub: "ada",
        aud: "https://api.test",
        iat,
        exp: iat + 60,
      };
      assert.equal(await verdict(await issuer.sign(claims)), "good");
      assert.equal(await verdict(await issuer.sign({ ...claims, aud: "other" })), "bad claims");
      const answer = await fetch(`http://127.0.0.1:${gateway.port}/auth/token`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`cron:${secret}`)}` },
        body: new URLSearchParams({ grant_type: "client_credentials" }),
      });
      const { access_token: token } = await answer.json();
      assert.equal(await verdict(token), "good");
      assert.equal(await verdict(`${token.slice(0, -4)}AAAA`), "bad signature");
      issuer.respond = () => new Response(null, { status: 500 });
      const ill = await cli(["doctor", "--json"]);
      assert.equal(ill.code, 1);
      assert.match(
        ill.json.findings.find(({ what }: { what: string }) => what === "issuer work").says,
        /status 500/,
      );
    });
  } finally {
    await issuer[Symbol.asyncDispose]();
  }
});

Deno.test("explain says which route a request takes, what is asked of it, and what would be sent", async () => {
  await withStage(async ({ cli, config, folder }) => {
    const path = `${folder}/explained.json`;
    await Deno.writeTextFile(
      path,
      JSON.stringify({
        ...config,
        routes: [
          { path: "/public/*", upstream: "app", auth: "none" },
          { path: "/admin/*", upstream: "app", require: { scope: ["admin"] } },
          { path: "/*", upstream: "app" },
        ],
      }),
    );
    const env = { POSTERN_CONFIG: path };
    const explain = async (
      ...args: string[]
    ) => (await cli(["--json", "explain", ...args], { env }));
    const open = await explain("GET", "/public/a?b=c");
    assert.equal(open.code, 0, open.err);
    assert.equal(open.json.route.index, 0);
    assert.equal(open.json.sent.path, "/public/a?b=c");
    const anonymous = await explain("GET", "/x");
    assert.equal(anonymous.code, 1);
    assert.deepEqual(
      [anonymous.json.status, anonymous.json.code, anonymous.json.route.index],
      [401, "token_missing", 2],
    );
    const reader = await explain("GET", "/admin/x", "--as", "ada", "--scope", "read");
    assert.deepEqual([reader.json.status, reader.json.code], [403, "insufficient_scope"]);
    const admin = await explain("POST", "/admin/x", "--as", "ada", "--scope", "read admin");
    const headers = Object.fromEntries(
      admin.json.sent.headers.map(([name, value]: [string, string]) => [name.toLowerCase(), value]),
    );
    assert.equal(headers["x-auth-subject"], "ada");
    assert.equal(headers["x-auth-scope"], "read admin");
    assert.ok(!("authorization" in headers), "no credential reaches an upstream");
    const forged = await explain("GET", "/public/a", "-H", "X-Auth-Subject: root");
    assert.ok(!JSON.stringify(forged.json.sent).includes("root"));
    const odd = await explain("GET", "/public/%2e%2e/admin/x");
    assert.equal(odd.json.passed, false);
    const table = await cli(["explain", "GET", "/x", "--as", "ada"], { env });
    assert.match(table.out, /passed on to upstream "app"\n +routes\[2\]: /);
  });
});

Deno.test("the doctor finds nothing wrong with the demo", async () => {
  await withStage(async ({ cli, folder }) => {
    const cwd = `${folder}/empty`;
    await Deno.mkdir(cwd);
    const env = { POSTERN_CONFIG: "", POSTERN_KEYS_FILE: "" };
    const demo = await cli(["--dev", "doctor", "--json"], { cwd, env });
    const failed = demo.json.findings.filter(({ level }: { level: string }) => level === "fail");
    assert.deepEqual(failed, []);
    assert.equal(demo.code, 0, demo.err);
  });
});

Deno.test("the doctor finds what is wrong, and nothing where nothing is", async () => {
  await withStage(async ({ cli, config, folder, gateway }) => {
    const healthy = await cli(["doctor", "--json"]);
    assert.equal(healthy.code, 0, healthy.out);
    const said = (level: string, json: Result["json"]) =>
      json.findings.filter((each: { level: string }) => each.level === level)
        .map(({ what, says }: { what: string; says: string }) => `${what}: ${says}`);
    assert.deepEqual(said("fail", healthy.json), []);
    assert.ok(said("ok", healthy.json).includes("gateway: ready, version 0.2.0"));

    await gateway.kill();
    await Deno.chmod(`${folder}/keys`, 0o644);
    const path = `${folder}/ill.json`;
    const dead = `http://127.0.0.1:${freePort()}`;
    await Deno.writeTextFile(
      path,
      JSON.stringify({
        ...config,
        origin: "https://app.example.com",
        upstreams: { app: { targets: [dead] } },
      }),
    );
    const ill = await cli(["doctor", "--json"], { env: { POSTERN_CONFIG: path } });
    assert.equal(ill.code, 1);
    assert.ok(said("fail", ill.json).includes(`upstream app: ${dead}: connection refused`));
    const warnings = said("warn", ill.json).join("\n");
    assert.match(warnings, /keys: others on this machine can read it; chmod 600/);
    assert.match(warnings, /proxies: origin is https and no proxy is trusted/);
    assert.match(warnings, /gateway: no gateway answers/);
    const table = await cli(["doctor"], { env: { POSTERN_CONFIG: `${folder}/absent.json` } });
    assert.match(table.out, /fail +configuration +POSTERN_CONFIG: there is no file/);
  });
});

Deno.test("version, help, typing errors and what can not be reached have exit codes of their own", async () => {
  await withStage(async ({ cli }) => {
    assert.match((await cli(["--version"])).out, /^\d+\.\d+\.\d+\n$/);
    assert.equal((await cli(["--help"])).code, 0);
    assert.equal((await cli(["frobnicate"])).code, 2);
    assert.equal((await cli(["sessions", "list", "--limit", "many"])).code, 2);
    const nobody = await cli(["sessions", "list", "--admin", `127.0.0.1:${freePort()}`]);
    assert.equal(nobody.code, 3, "an address that was named is not replaced by the store");
    assert.doesNotMatch(nobody.err, /\n\s+at .*:\d+:\d+/, "a stack trace");
  });
});
