/**
 * What is particular about Workers; what is not stands in `black_box.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { PEOPLE, startBackend } from "../support/backend.ts";
import { type GatewayProcess, supervise } from "../support/gateway_process.ts";
import { freePort } from "../support/ports.ts";
import { rawGet } from "../support/raw_http.ts";
import { report } from "../support/report.ts";
import { bundleWorker, startWorkerGateway, workerdHarness } from "../support/workerd.ts";

function settings(backend: string, store: Readonly<Record<string, unknown>>) {
  return {
    identity: { kind: "upstream", url: `${backend}/login`, subject: "/user/id" },
    store,
    upstreams: { app: { targets: [backend] } },
    routes: [
      { path: "/public/*", upstream: "app", auth: "none" },
      { path: "/*", upstream: "app" },
    ],
  };
}

async function signIn(gateway: GatewayProcess): Promise<string> {
  const response = await fetch(`${gateway.url}/api/token/`, {
    method: "POST",
    body: new URLSearchParams({ username: "ada", password: PEOPLE.ada.password }),
  });
  return (await response.json()).access;
}

Deno.test("the bundle that would be deployed is small", async () => {
  const folder = await bundleWorker();
  const script = await Deno.readFile(`${folder}/worker.js`);
  const kib = gzipSync(script).length / 1024;
  report(`the Worker is ${kib.toFixed(1)} KiB, minified and gzipped`);
  // Cloudflare's own limit is 3 MiB.
  assert.ok(kib < 200, `${kib} KiB`);
});

Deno.test("a revocation on one workerd turns away on another within the bound", async () => {
  const backend = startBackend();
  const store = await workerdHarness.store();
  const env = { ...store.env, POSTERN_KEYS: JSON.stringify(await generateKeySet()) };
  const config = {
    ...settings(backend.url, store.config),
    tokens: { issuer: "https://app.example.com", audience: "https://app.example.com" },
  };
  const one = await startWorkerGateway({ config, env });
  const two = await startWorkerGateway({ config, env });
  try {
    const times: number[] = [];
    for (let trial = 0; trial < 5; trial++) {
      const access = await signIn(one);
      const headers = { authorization: `Bearer ${access}` };
      const there = async () => {
        const answer = await fetch(`${two.url}/x`, { headers });
        await answer.body?.cancel();
        return answer.status;
      };
      assert.equal(await there(), 200);
      const out = await fetch(`${one.url}/auth/logout`, { method: "POST", headers });
      assert.equal(out.status, 204);
      const beganAtMs = performance.now();
      while (await there() === 200) await new Promise((resolve) => setTimeout(resolve, 20));
      times.push(performance.now() - beganAtMs);
    }
    times.sort((a, b) => a - b);
    report(`revocation crossed after ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
    assert.ok((times.at(-1) ?? Infinity) < 5_000);
  } finally {
    await one.stop();
    await two.stop();
    await store.stop();
    await backend.stop();
  }
});

Deno.test("a Worker with a missing or broken setting answers 503 and names it in its log", async () => {
  const good = settings("http://127.0.0.1:9", { kind: "upstash" });
  const cases = [
    { env: { POSTERN_KEYS: "" }, config: good, says: /POSTERN_KEYS: is required/ },
    { env: {}, config: good, says: /UPSTASH_REDIS_REST_URL: is required/ },
    { env: {}, config: { ...good, routes: [] }, says: /routes: / },
    { env: {}, config: { ...good, store: { kind: "sqlite" } }, says: /store\.kind: \\"sqlite\\"/ },
  ];
  for (const { env, config, says } of cases) {
    const gateway = await startWorkerGateway({ config, env });
    try {
      const answer = await fetch(`${gateway.url}/anything`);
      assert.equal(answer.status, 503);
      assert.equal((await answer.json()).code, "misconfigured");
      assert.match(gateway.logs(), says);
      assert.ok(!/\bat .*:\d+:\d+/.test(gateway.logs()), "a stack trace");
    } finally {
      await gateway.stop();
    }
  }
});

Deno.test("in a workerd of one's own the client's address is what the named header says, and no other", async () => {
  const backend = startBackend();
  const store = await workerdHarness.store();
  const gateway = await startWorkerGateway({
    config: settings(backend.url, store.config),
    env: { ...store.env, POSTERN_CLIENT_ADDRESS_HEADER: "X-Real-IP" },
  });
  try {
    await rawGet(gateway.port, "/public/x", [
      "X-Real-IP: 203.0.113.7",
      "CF-Connecting-IP: 6.6.6.6",
      "X-Forwarded-For: 198.51.100.1",
    ]);
    assert.equal(backend.seen.at(-1)?.headers.get("x-forwarded-for"), "203.0.113.7");
  } finally {
    await gateway.stop();
    await store.stop();
    await backend.stop();
  }
});

Deno.test("a compressed answer crosses workerd with a true label, and a long one with its length", async () => {
  const plain = "hello ".repeat(200);
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ user: { id: 1 }, id: "u-1" }));
      return;
    }
    if (request.url === "/long") {
      response.writeHead(200, { "content-length": "100000" });
      response.end("x".repeat(100_000));
      return;
    }
    const body = gzipSync(plain);
    response.writeHead(200, {
      "content-type": "text/plain",
      "content-encoding": "gzip",
      "content-length": String(body.length),
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const store = await workerdHarness.store();
  const gateway = await startWorkerGateway({
    config: settings(`http://127.0.0.1:${port}`, store.config),
    env: store.env,
  });
  try {
    const answer = await fetch(`${gateway.url}/public/x`);
    assert.equal(await answer.text(), plain);
    const curl = await new Deno.Command("curl", {
      args: ["-s", "-H", "Accept-Encoding: gzip", `${gateway.url}/public/x`],
    }).output();
    assert.deepEqual(curl.stdout, new Uint8Array(gzipSync(plain)));
    // One that is tied to a session is read on its way, and so decoded and encoded again.
    const signedIn = await fetch(`${gateway.url}/api/token/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "alice", password: "secret" }),
    });
    const { access } = await signedIn.json();
    const own = await fetch(`${gateway.url}/x`, { headers: { authorization: `Bearer ${access}` } });
    assert.equal(own.status, 200);
    assert.equal(await own.text(), plain);
    assert.equal(own.headers.get("content-encoding"), "gzip");
    const long = await fetch(`${gateway.url}/long`, {
      headers: { authorization: `Bearer ${access}` },
    });
    assert.equal(long.headers.get("content-length"), "100000");
    assert.equal((await long.text()).length, 100_000);
  } finally {
    await gateway.stop();
    await store.stop();
    server.closeAllConnections();
    server.close();
  }
});

Deno.test({
  name: "task dev:workers runs the demo under workerd",
  // wrangler's own children outlive it for a moment.
  sanitizeResources: false,
  sanitizeOps: false,
  async fn() {
    const port = freePort();
    const gateway = await supervise({
      url: `http://localhost:${port}`,
      port,
      command: Deno.execPath(),
      args: ["task", "dev:workers"],
      env: { POSTERN_PORT: String(port), WRANGLER_SEND_METRICS: "false", CI: "true" },
      cwd: new URL("../../", import.meta.url).pathname,
    });
    try {
      const url = `http://127.0.0.1:${port}`;
      const open = await fetch(`${url}/public/x`);
      assert.match(await open.text(), /demo upstream/);
      const signedIn = await fetch(`${url}/api/token/`, {
        method: "POST",
        body: new URLSearchParams({ username: "demo", password: "postern" }),
      });
      const { access } = await signedIn.json();
      const hello = await fetch(`${url}/hello`, { headers: { authorization: `Bearer ${access}` } });
      assert.equal((await hello.json()).headers["x-auth-subject"], "demo");
    } finally {
      await gateway.stop();
    }
  },
});
