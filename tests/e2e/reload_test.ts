/** Changing the configuration of a gateway process while requests go on. */
import assert from "node:assert/strict";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { startGatewayProcess } from "../support/gateway_process.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { freePort } from "../support/ports.ts";
import { report } from "../support/report.ts";
import { until } from "../support/until.ts";

type Running = GatewayProcess & { admin: string };

interface Stage {
  readonly gateway: Running;
  /** Names of the backends that the route can lead to. */
  readonly backends: Readonly<Record<"one" | "two", string>>;
  /** Writes the file; by default as an editor does, by putting a new one in its place. */
  write(config: unknown, how?: "rename" | "in place"): Promise<void>;
  config(upstream: "one" | "two", more?: Record<string, unknown>): Record<string, unknown>;
  readonly folder: string;
}

function startNamed(name: string) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/login") return Response.json({ id: "ada" });
    if (pathname === "/socket") {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(`${name}:${data}`);
      return response;
    }
    return new Response(name);
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, stop: () => server.shutdown() };
}

async function withStage(
  act: (stage: Stage) => Promise<void>,
  env: (folder: string) => Promise<Record<string, string>> = () => Promise.resolve({}),
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "postern-reload-" });
  const [one, two] = [startNamed("one"), startNamed("two")];
  const port = freePort();
  const backends = { one: one.url, two: two.url };
  const config = (upstream: "one" | "two", more: Record<string, unknown> = {}) => ({
    origin: `http://localhost:${port}`,
    identity: { kind: "upstream", url: `${one.url}/login`, subject: "/id" },
    store: { kind: "sqlite", path: `${folder}/postern.db` },
    upstreams: { app: { targets: [backends[upstream]] } },
    routes: [{ path: "/private/*", upstream: "app" }, {
      path: "/*",
      upstream: "app",
      auth: "none",
    }],
    ...more,
  });
  const path = `${folder}/postern.json`;
  const write = async (value: unknown, how: "rename" | "in place" = "rename") => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (how === "in place") return await Deno.writeTextFile(path, text);
    await Deno.writeTextFile(`${path}.new`, text);
    await Deno.rename(`${path}.new`, path);
  };
  await write(config("one"));
  const process = await startGatewayProcess({
    port,
    config: {},
    env: { POSTERN_CONFIG: path, ...await env(folder) },
  });
  const gateway = { ...process, admin: process.admin ?? assert.fail() };
  try {
    await act({ gateway, backends, write, config, folder });
  } finally {
    await gateway.stop();
    await Promise.all([one.stop(), two.stop()]);
    await Deno.remove(folder, { recursive: true });
  }
}

const base = ({ port }: GatewayProcess) => `http://127.0.0.1:${port}`;
const ask = async (gateway: GatewayProcess, path = "/") =>
  await (await fetch(base(gateway) + path)).text();

// deno-lint-ignore no-explicit-any
async function reload({ admin }: Running): Promise<{ status: number; body: any }> {
  const response = await fetch(`${admin}/v1/config/reload`, { method: "POST" });
  return { status: response.status, body: await response.json() };
}

async function metric({ admin }: Running, line: string): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  const found = text.split("\n").find((each) => each.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
}

for (const how of ["rename", "in place"] as const) {
  Deno.test(`a changed file is put in force by itself (${how})`, async () => {
    await withStage(async ({ gateway, write, config }) => {
      assert.equal(await ask(gateway), "one");
      await write(config("two"), how);
      await until(async () => await ask(gateway) === "two", "the new upstream is asked");
      await until(() => gateway.logs().includes('"event":"config_reloaded"'), "it is told");
    });
  });
}

Deno.test("Kubernetes swaps a link: the folder is watched, not the file", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-link-" });
  const mount = async (version: string, text: string) => {
    await Deno.mkdir(`${folder}/..${version}`);
    await Deno.writeTextFile(`${folder}/..${version}/keys`, text);
    await Deno.remove(`${folder}/..data_tmp`).catch(() => {});
    await Deno.symlink(`..${version}`, `${folder}/..data_tmp`);
    await Deno.rename(`${folder}/..data_tmp`, `${folder}/..data`);
  };
  const [before, after] = [await generateKeySet(), await generateKeySet()];
  await mount("v1", JSON.stringify(before));
  await Deno.symlink("..data/keys", `${folder}/keys`);
  await withStage(async ({ gateway }) => {
    const kids = async () => {
      const { keys } = await (await fetch(`${gateway.admin}/v1/keys`)).json();
      return keys.map(({ kid }: { kid: string }) => kid);
    };
    const of = ({ keys }: typeof before) => keys.map((key) => (key as { kid?: string }).kid);
    assert.deepEqual(await kids(), of(before));
    const response = await fetch(`${base(gateway)}/api/token/`, {
      method: "POST",
      body: new URLSearchParams({ username: "ada", password: "x" }),
    });
    const { access } = await response.json();
    const standing = async () => {
      const answer = await fetch(`${base(gateway)}/private/x`, {
        headers: { authorization: `Bearer ${access}` },
      });
      await answer.body?.cancel();
      return answer.status;
    };
    assert.equal(await standing(), 200);
    // The new key in front, the old ones behind: nobody is signed out.
    await mount("v2", JSON.stringify({ keys: [...after.keys, ...before.keys] }));
    await until(async () => (await kids()).length === 4, "the new keys are in the ring");
    assert.equal((await kids())[0], of(after)[0]);
    assert.equal(await standing(), 200);
    await mount("v3", JSON.stringify(after));
    await until(async () => await standing() === 401, "the old key is gone for good");
  }, () => Promise.resolve({ POSTERN_KEYS: "", POSTERN_KEYS_FILE: `${folder}/keys` }));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("SIGHUP reads the file again", async () => {
  await withStage(async ({ gateway, write, config }) => {
    await write(config("two"));
    Deno.kill(gateway.pid(), "SIGHUP");
    await until(async () => await ask(gateway) === "two", "the new upstream is asked");
  });
});

Deno.test("an invalid file changes nothing, and says so line by line in log, metric and answer", async () => {
  await withStage(async ({ gateway, write, config }) => {
    await write({ ...config("two"), extra: 1, limits: { body: "large" } });
    const { status, body } = await reload(gateway);
    assert.equal(status, 422);
    assert.equal(body.code, "config_invalid");
    assert.equal(body.problems.length, 2);
    assert.ok(body.problems.includes("extra: unknown setting"));
    assert.equal(await ask(gateway), "one");
    assert.equal(await metric(gateway, "postern_config_last_reload_successful"), 0);
    for (const problem of ["extra: unknown setting", "limits.body: must be a size"]) {
      await until(() => gateway.logs().includes(`"problem":"${problem}`), "the log has each line");
    }

    await write("{ half a fi");
    await until(
      () => gateway.logs().includes("not valid JSON"),
      "a file that is being written is refused too",
    );
    assert.equal(await ask(gateway), "one");

    await write(config("two"));
    await until(async () => await ask(gateway) === "two", "a good one is taken");
    assert.equal(await metric(gateway, "postern_config_last_reload_successful"), 1);
  });
});

Deno.test("taking a mistake back counts as success, although nothing changes", async () => {
  await withStage(async ({ gateway, write, config }) => {
    await write("{");
    assert.equal((await reload(gateway)).status, 422);
    await write(config("one"));
    const { body } = await reload(gateway);
    assert.equal(body.changed, false);
    assert.equal(await metric(gateway, "postern_config_last_reload_successful"), 1);
  });
});

Deno.test("what takes a restart is named, and nothing else of that file is taken", async () => {
  await withStage(async ({ gateway, write, config, folder }) => {
    await write(config("two", {
      store: { kind: "sqlite", path: `${folder}/other.db` },
      admin: { listen: "off" },
      revocation: { pollInterval: "1s" },
    }));
    const { body } = await reload(gateway);
    assert.deepEqual(body.problems, [
      "store: can not change without a restart",
      "revocation: can not change without a restart",
    ]);
    assert.equal(await ask(gateway), "one");
  });
});

Deno.test("an issuer that is away during a reload is still believed by the keys that are known", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = { ...await exportJWK(publicKey), kid: "k-1", alg: "ES256" };
  const issuer = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json({ keys: [jwk] }),
  );
  const url = `http://127.0.0.1:${issuer.addr.port}`;
  await withStage(async ({ gateway, write, config }) => {
    const issuers = {
      machines: { issuer: url, jwks: `${url}/jwks.json`, audience: "api", types: ["at+jwt"] },
    };
    await write(config("one", { issuers }));
    assert.equal((await reload(gateway)).status, 200);
    const token = await new SignJWT({ client_id: "robot" })
      .setProtectedHeader({ alg: "ES256", kid: "k-1", typ: "at+jwt" })
      .setIssuer(url).setAudience("api").setSubject("robot").setJti("j-1")
      .setIssuedAt().setExpirationTime("10m").sign(privateKey);
    const status = async () => {
      const response = await fetch(`${base(gateway)}/private/x`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await status(), 200);
    const { issuers: shown } = await (await fetch(`${gateway.admin}/v1/issuers`)).json();
    const machines = shown.find(({ name }: { name: string }) => name === "machines");
    assert.ok(machines.keysAgeSeconds < 60, JSON.stringify(machines));
    await issuer.shutdown();
    await write(config("two", { issuers }));
    assert.equal((await reload(gateway)).body.changed, true);
    assert.equal(await status(), 200);
  });
});

Deno.test("an open WebSocket stays where it is while the configuration changes", async () => {
  await withStage(async ({ gateway, write, config }) => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/socket`);
    await new Promise((resolve) => socket.onopen = resolve);
    const say = (text: string) =>
      new Promise<string>((resolve) => {
        socket.onmessage = ({ data }) => resolve(data);
        socket.send(text);
      });
    assert.equal(await say("a"), "one:a");
    await write(config("two"));
    assert.equal((await reload(gateway)).status, 200);
    assert.equal(await ask(gateway), "two");
    assert.equal(await say("b"), "one:b", "the socket is still the old upstream's");
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
  });
});

Deno.test("100 reloads under load: not one request fails, and nothing grows", async () => {
  await withStage(async ({ gateway, write, config }) => {
    let stop = false;
    const answers = new Map<string, number>();
    const worker = async () => {
      while (!stop) {
        let what: string;
        try {
          const response = await fetch(base(gateway));
          what = `${response.status} ${await response.text()}`;
        } catch (error) {
          what = String(error);
        }
        answers.set(what, (answers.get(what) ?? 0) + 1);
      }
    };
    const workers = Array.from({ length: 8 }, worker);
    const fds = async () =>
      (await Array.fromAsync(Deno.readDir(`/proc/${gateway.pid()}/fd`))).length;
    let before = 0;
    for (let round = 0; round < 100; round += 1) {
      await write(config(round % 2 === 0 ? "two" : "one"));
      assert.equal((await reload(gateway)).status, 200);
      if (round === 20) before = await fds();
    }
    stop = true;
    await Promise.all(workers);
    const asked = answers.values().reduce((sum, each) => sum + each, 0);
    assert.deepEqual([...answers.keys()].sort(), ["200 one", "200 two"]);
    // Idle connections of gateways that are gone end by themselves, after connection.keepAlive.
    await until(async () => await fds() - before < 50, "as few open files as before", 30_000);
    report(`100 reloads under load: ${asked} requests, 0 failed`);
  });
});
