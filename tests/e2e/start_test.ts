/**
 * Postern as people run it: the commands of the README, started for real.
 */
import assert from "node:assert/strict";
import { generateKeySet, importKeyRing } from "../../src/tokens/key_ring.ts";
import { PEOPLE, startBackend } from "../support/backend.ts";
import {
  denoHarness,
  type GatewayProcess,
  runToEnd,
  startGatewayProcess,
} from "../support/gateway_process.ts";
import { freePort } from "../support/ports.ts";
import { report } from "../support/report.ts";
import { until } from "../support/until.ts";

function test(name: string, fn: () => Promise<void>): void {
  // A killed process leaves half-open connections behind in the client's pool.
  Deno.test({ name, fn, sanitizeResources: false, sanitizeOps: false });
}

async function shell(command: string, cwd = "/tmp"): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("sh", { args: ["-c", command], cwd }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** Starts `dev` without any configuration, in a folder of its own. */
async function withDev(
  env: Record<string, string>,
  act: (gateway: GatewayProcess, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "postern-dev-" });
  const gateway = await startGatewayProcess({
    command: "dev",
    config: {},
    cwd: folder,
    env: { POSTERN_CONFIG: "", POSTERN_KEYS: "", ...env },
  });
  try {
    await act(gateway, folder);
  } finally {
    await gateway.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

test("dev: the three curl lines that it prints work when pasted", async () => {
  await withDev({}, async (gateway, folder) => {
    const lines = gateway.logs().match(/^ {2}curl .*$/gm) ?? [];
    assert.equal(lines.length, 3, gateway.logs());
    const jar = `${folder}/jar`;
    const [open = "", signIn = "", hello = ""] = lines.map((line) =>
      `${line.trim().replaceAll("/tmp/postern.jar", jar)} -sS -w '\\n%{http_code}'`
    );
    assert.match(await shell(open), /demo upstream[\s\S]*200$/);
    assert.match(await shell(signIn), /"subject":"demo"[\s\S]*200$/);
    const answer = await shell(hello);
    assert.match(answer, /"x-auth-subject":"demo"[\s\S]*200$/);
    assert.doesNotMatch(answer, /postern-access|"cookie"|"authorization"/);
    assert.match(await shell(`curl -sS ${gateway.url}/hello`), /token_missing/);

    const page = await fetch(`http://127.0.0.1:${gateway.port}/`, {
      headers: { accept: "text/html" },
      redirect: "manual",
    });
    assert.equal(page.status, 302);
    const keys = await Deno.stat(`${folder}/.postern/keys.json`);
    assert.equal((keys.mode ?? 0) & 0o077, 0, "nobody else can read the keys");
  });
});

test("dev: POSTERN_UPSTREAM puts the gateway in front of that backend", async () => {
  const backend = startBackend();
  await withDev({ POSTERN_UPSTREAM: backend.url }, async (gateway, folder) => {
    const lines = gateway.logs().match(/^ {2}curl .*$/gm) ?? [];
    const outputs: string[] = [];
    for (const line of lines) {
      outputs.push(
        await shell(`${line.trim().replaceAll("/tmp/postern.jar", `${folder}/jar`)} -sS`),
      );
    }
    assert.match(outputs[0] ?? "", /token_missing/);
    assert.match(outputs[2] ?? "", /"x-auth-subject":"demo"/);
    assert.equal(backend.seen.at(-1)?.headers.get("x-auth-subject"), "demo");
  });
  await backend.stop();
});

test("dev: a POSTERN_UPSTREAM or POSTERN_PORT that can not be one is told by its name", async () => {
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ POSTERN_UPSTREAM: "127.0.0.1:8000" }, /^ {2}POSTERN_UPSTREAM: must be an http\(s\) origin/m],
    [{ POSTERN_UPSTREAM: "http://127.0.0.1:8000/api" }, /^ {2}POSTERN_UPSTREAM: .*without a path/m],
    [{ POSTERN_PORT: "http" }, /^ {2}POSTERN_PORT: "http" is not a port number/m],
    [{ POSTERN_PORT: "99999" }, /^ {2}POSTERN_PORT: "99999" is not a port number/m],
  ];
  for (const [env, message] of cases) {
    const { code, output } = await runToEnd(["dev"], { POSTERN_CONFIG: "", ...env });
    assert.equal(code, 1, output);
    assert.match(output, message);
  }
});

test("POSTERN_UPSTREAM beside a configuration has no say, and that is told", async () => {
  const backend = startBackend();
  const gateway = await startGatewayProcess({
    config: {
      origin: "http://localhost:8787",
      identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
      store: { kind: "memory" },
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app", auth: "none" }],
    },
    command: "dev",
    env: { POSTERN_UPSTREAM: "http://127.0.0.1:1" },
  });
  try {
    assert.equal((await fetch(`${gateway.url}/x`)).status, 200);
    const warning = "warning: POSTERN_UPSTREAM has no say";
    await until(() => gateway.logs().includes(warning), warning);
  } finally {
    await gateway.stop();
    await backend.stop();
  }
});

test("several gateways of one machine need no more than a port each", async () => {
  using _taken = takeDefaultAdmin();
  await withDev({ POSTERN_ADMIN: "" }, async (gateway) => {
    assert.equal((await fetch(`${gateway.url}/public`)).status, 200);
    const warning = "warning: no admin listener here, because 127.0.0.1:8788 is in use";
    await until(() => gateway.logs().includes(warning), warning);
  });
  // Whoever chose an address means it.
  const { code, output } = await runToEnd(["dev"], {
    POSTERN_CONFIG: "",
    POSTERN_PORT: String(freePort()),
    POSTERN_ADMIN: "127.0.0.1:8788",
  });
  assert.equal(code, 1, output);
  assert.match(output, /admin\.listen: "127\.0\.0\.1:8788" is in use; put another address there/);
});

/** Nobody else gets it meanwhile, whoever has it. */
function takeDefaultAdmin(): Disposable {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port: 8788 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return { [Symbol.dispose]() {} };
  }
}

test("start refuses what is unsafe or wrong, one line each, and exits with 1", async () => {
  const keys = JSON.stringify(await generateKeySet());
  const good = {
    origin: "https://app.example.com",
    identity: { kind: "upstream", url: "http://127.0.0.1:1/login", subject: "/id" },
    upstreams: { app: { targets: ["http://127.0.0.1:1"] } },
    routes: [{ path: "/*", upstream: "app" }],
  };
  const short = { keys: [{ kty: "oct", alg: "HS256", kid: "a", k: "c2hvcnQ" }] };
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ POSTERN_CONFIG: "" }, /POSTERN_CONFIG: there is no file "postern\.json"/],
    [{ POSTERN_CONFIG: "{" }, /POSTERN_CONFIG: not valid JSON/],
    [{ POSTERN_KEYS: "" }, /POSTERN_KEYS: is required/],
    [
      { POSTERN_KEYS: JSON.stringify(short) },
      /POSTERN_KEYS\.keys\[0\]\.k: the secret has \d+ bits/,
    ],
    [
      { POSTERN_CONFIG: JSON.stringify({ ...good, origin: "http://app.example.com" }) },
      /origin: .* would send tokens over plain http/,
    ],
    [
      { POSTERN_CONFIG: JSON.stringify({ ...good, identity: { kind: "demo" } }) },
      /identity\.kind: "demo" has a published password/,
    ],
    [
      { POSTERN_CONFIG: JSON.stringify({ ...good, store: { kind: "memory" } }) },
      /store\.kind: "memory" forgets the blacklist/,
    ],
    [
      { POSTERN_CONFIG: JSON.stringify({ ...good, store: { kind: "upstash" } }) },
      /UPSTASH_REDIS_REST_URL: is required/,
    ],
    [{ POSTERN_PORT: "http" }, /POSTERN_PORT: "http" is not a port number/],
    [
      { POSTERN_PORT: `${port}` },
      /POSTERN_PORT: 127\.0\.0\.1:\d+ is in use; put a free port there/,
    ],
    [{ POSTERN_HOST: "192.0.2.1" }, /POSTERN_HOST: "192\.0\.2\.1" is no address of this machine/],
    [{ POSTERN_HOST: "a b" }, /POSTERN_HOST: "a b" is no address of this machine/],
  ];
  for (const [env, message] of cases) {
    const { code, output } = await runToEnd(["start"], {
      POSTERN_CONFIG: JSON.stringify(good),
      POSTERN_KEYS: keys,
      POSTERN_PORT: String(freePort()),
      ...env,
    });
    assert.equal(code, 1, output);
    assert.match(output, message);
    assert.doesNotMatch(output, /\n\s+at .*:\d+:\d+/, "a stack trace");
  }
});

test("keys prints a set that start takes; schema prints a JSON Schema", async () => {
  const keys = await runToEnd(["keys"], {});
  assert.equal(keys.code, 0);
  const ring = await importKeyRing(keys.output.trim());
  assert.equal(ring.publicJwks.keys.length, 2);
  const schema = await runToEnd(["schema"], {});
  assert.equal(JSON.parse(schema.output).type, "object");
  assert.equal((await runToEnd(["frobnicate"], {})).code, 2);
});

async function production(backend: string, extra: Record<string, unknown> = {}) {
  const store = await denoHarness.store();
  const gateway = await startGatewayProcess({
    config: {
      identity: { kind: "upstream", url: `${backend}/login`, subject: "/user/id" },
      store: store.config,
      upstreams: { app: { targets: [backend] } },
      routes: [{ path: "/*", upstream: "app" }],
      ...extra,
    },
  });
  return { gateway, store };
}

async function post(gateway: GatewayProcess, path: string, body: Record<string, string>) {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    method: "POST",
    body: new URLSearchParams(body),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

const ADA = { username: "ada", password: PEOPLE.ada.password };

async function get(gateway: GatewayProcess, access: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/api`, {
    headers: { authorization: `Bearer ${access}` },
  });
  await response.body?.cancel();
  return response.status;
}

test("SIGTERM: requests under way finish, new ones are refused, the exit code is 0", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  const inner = startBackend();
  const backend = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    if (url.pathname === "/slow") {
      await held;
      return new Response("finished");
    }
    return await fetch(inner.url + url.pathname, {
      method: request.method,
      body: request.body === null ? null : await request.text(),
    });
  });
  const { gateway, store } = await production(`http://127.0.0.1:${backend.addr.port}`);
  const { body } = await post(gateway, "/api/token/", ADA);
  const slow = fetch(`http://127.0.0.1:${gateway.port}/slow`, {
    headers: { authorization: `Bearer ${body.access}` },
  }).then((response) => response.text());
  await new Promise((resolve) => setTimeout(resolve, 200));
  const stopped = gateway.stop();
  await until(async () => {
    try {
      await Deno.connect({ hostname: "127.0.0.1", port: gateway.port }).then((c) => c.close());
      return false;
    } catch {
      return true;
    }
  }, "no new connections");
  release();
  assert.equal(await slow, "finished");
  assert.equal(await stopped, 0);
  await store.stop();
  await backend.shutdown();
  await inner.stop();
});

test("guarantee 8: sessions and the blacklist survive kill -9", async () => {
  const backend = startBackend();
  const { gateway, store } = await production(backend.url);
  const kept = (await post(gateway, "/api/token/", ADA)).body;
  const ended = (await post(gateway, "/api/token/", ADA)).body;
  assert.equal((await post(gateway, "/auth/revoke", { token: ended.refresh })).status, 200);
  await gateway.kill();
  await gateway.restart();
  assert.equal(await get(gateway, kept.access), 200);
  assert.equal(await get(gateway, ended.access), 401);
  assert.equal((await post(gateway, "/api/token/refresh/", ended)).status, 401);
  assert.equal((await post(gateway, "/api/token/refresh/", kept)).status, 200);
  await gateway.stop();
  await store.stop();
  await backend.stop();
});

test("guarantee 2: killed between rotation and answer, the client asks again and stays signed in", async () => {
  const backend = startBackend();
  const { gateway, store } = await production(backend.url);
  const outcomes = { lost: 0, answered: 0 };
  for (let trial = 0; trial < 8; trial++) {
    const { body } = await post(gateway, "/api/token/", ADA);
    const asked = post(gateway, "/api/token/refresh/", body).catch(() => null);
    // Somewhere between the arrival of the request and the reading of the answer.
    await new Promise((resolve) => setTimeout(resolve, trial));
    await gateway.kill();
    const answered = await asked;
    outcomes[answered === null ? "lost" : "answered"]++;
    await gateway.restart();
    const again = await post(gateway, "/api/token/refresh/", body);
    assert.equal(again.status, 200, "the old refresh token still answers");
    if (answered !== null) assert.equal(again.body.refresh, answered.body.refresh);
    assert.equal((await post(gateway, "/api/token/refresh/", again.body)).status, 200);
  }
  report(
    `8 gateways killed in the middle of a rotation: ${outcomes.lost} answers lost, nobody signed out`,
  );
  await gateway.stop();
  await store.stop();
  await backend.stop();
});

test("guarantee 2: fifty refreshes of one token at once have one successor", async () => {
  const backend = startBackend();
  const { gateway, store } = await production(backend.url);
  const { body } = await post(gateway, "/api/token/", ADA);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => post(gateway, "/api/token/refresh/", body)),
  );
  const successors = new Set(answers.map((answer) => JSON.stringify(answer.body)));
  report(`50 concurrent refreshes of one token: ${successors.size} distinct successor`);
  assert.equal(successors.size, 1);
  await gateway.stop();
  await store.stop();
  await backend.stop();
});

test("guarantee 3: the store's file holds no token, password or key", async () => {
  const backend = startBackend();
  const { gateway, store } = await production(backend.url);
  const first = (await post(gateway, "/api/token/", ADA)).body;
  const second = (await post(gateway, "/api/token/refresh/", first)).body;
  await post(gateway, "/api/token/", { username: "ada", password: "a wrong password" });
  const login = await fetch(`http://127.0.0.1:${gateway.port}/auth/login`, {
    method: "POST",
    body: new URLSearchParams(ADA),
  });
  const { csrfToken } = await login.json();
  const folder = String(store.config["path"]).replace(/[^/]+$/, "");
  let dump = "";
  for await (const { name } of Deno.readDir(folder)) {
    dump += new TextDecoder("latin1").decode(await Deno.readFile(folder + name));
  }
  assert.ok(dump.includes("u-1"), "it is the store");
  const secrets = [
    ...[first, second].flatMap(({ access, refresh }) => [access, refresh]),
    ...[first, second].flatMap(({ access, refresh }) =>
      [access, refresh].map((t) => t.split(".")[2])
    ),
    PEOPLE.ada.password,
    "a wrong password",
    csrfToken,
    csrfToken.slice(3),
  ];
  for (const secret of secrets) assert.ok(!dump.includes(secret), secret);
  await gateway.stop();
  await store.stop();
  await backend.stop();
});

test("a proxy that the environment names sees no password, and is told of", async () => {
  const seen: string[] = [];
  const proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    seen.push(`${request.method} ${request.url}`);
    return new Response(null, { status: 599 });
  });
  const backend = startBackend();
  const address = `http://127.0.0.1:${proxy.addr.port}`;
  const gateway = await startGatewayProcess({
    config: {
      identity: {
        kind: "upstream",
        url: `${backend.url}/login`,
        subject: "/user/id",
        recheck: { url: `${backend.url}/login` },
      },
      store: { kind: "sqlite", path: `${await Deno.makeTempDir()}/p.db` },
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app" }],
    },
    env: { HTTP_PROXY: address, https_proxy: address, ALL_PROXY: address },
  });
  try {
    const answer = await fetch(`${gateway.url}/auth/login`, {
      method: "POST",
      body: new URLSearchParams({ username: "ada", password: PEOPLE.ada.password }),
    });
    assert.equal(answer.status, 200, await answer.text());
    assert.deepEqual(seen, []);
    assert.match(gateway.logs(), /warning: HTTP_PROXY is ignored/);
  } finally {
    await gateway.stop();
    await backend.stop();
    await proxy.shutdown();
  }
});

test("the demo user is not let out to the network in front of a real backend", async () => {
  const { code, output } = await runToEnd(["dev"], {
    POSTERN_CONFIG: "",
    POSTERN_HOST: "0.0.0.0",
    POSTERN_UPSTREAM: "http://127.0.0.1:9",
  });
  assert.notEqual(code, 0);
  assert.match(output, /POSTERN_HOST: "0\.0\.0\.0" lets the network reach a real backend/);
});

test("a store's token is not sent over the network in clear", async () => {
  const { code, output } = await runToEnd(["start"], {
    POSTERN_CONFIG: JSON.stringify({
      origin: "https://app.example.com",
      identity: { kind: "upstream", url: "http://127.0.0.1:9/in", subject: "/id" },
      store: { kind: "upstash" },
      upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
      routes: [{ path: "/*", upstream: "app" }],
    }),
    POSTERN_KEYS: JSON.stringify(await generateKeySet()),
    UPSTASH_REDIS_REST_URL: "http://10.255.255.1",
    UPSTASH_REDIS_REST_TOKEN: "t",
  });
  assert.notEqual(code, 0);
  assert.match(output, /UPSTASH_REDIS_REST_URL: .* in clear; use https/);
});

test("a proxy that the configuration names is used for others, and not for this machine", async () => {
  const seen: string[] = [];
  const proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    seen.push(`${request.method} ${request.headers.get("host")}`);
    const { username } = await request.json();
    return Response.json({ user: { id: username } });
  });
  const backend = startBackend();
  const start = (url: string) =>
    startGatewayProcess({
      config: {
        proxy: `http://127.0.0.1:${proxy.addr.port}`,
        identity: { kind: "upstream", url, subject: "/user/id" },
        store: { kind: "sqlite", path: `${Deno.makeTempDirSync()}/p.db` },
        upstreams: { app: { targets: [backend.url] } },
        routes: [{ path: "/public/*", upstream: "app", auth: "none" }],
      },
      // Deno's own question, which has nothing to do with us.
      env: { DENO_NO_UPDATE_CHECK: "1" },
    });
  const away = await start("http://login-service/in");
  const here = await start(`${backend.url}/login`);
  try {
    for (const gateway of [away, here]) {
      const answer = await fetch(`${gateway.url}/auth/login`, {
        method: "POST",
        body: new URLSearchParams({ username: "ada", password: PEOPLE.ada.password }),
      });
      assert.equal(answer.status, 200, await answer.text());
      const open = await fetch(`${gateway.url}/public/x`);
      assert.equal(open.status, 200);
      await open.body?.cancel();
    }
    assert.deepEqual(seen, ["POST login-service"]);
  } finally {
    await away.stop();
    await here.stop();
    await backend.stop();
    await proxy.shutdown();
  }
});
