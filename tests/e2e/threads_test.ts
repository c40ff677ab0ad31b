/**
 * Several threads on one port with one store under them: whatever one of them
 * learns holds for all, and they end together.
 *
 * @module
 */
import assert from "node:assert/strict";
import { runToEnd, startGatewayProcess } from "../support/gateway_process.ts";
import { startBackend } from "../support/backend.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/until.ts";

const THREADS = 3;

async function withThreads(
  settings: Readonly<Record<string, unknown>>,
  test: (parts: {
    readonly url: string;
    readonly admin: string;
    readonly post: (
      path: string,
      body: unknown,
      headers?: Record<string, string>,
    ) => Promise<Response>;
    /** Asks on so many new connections that every thread gets some of them. */
    readonly statuses: (token: string) => Promise<number[]>;
    readonly logs: () => string;
    readonly stop: () => Promise<number>;
  }) => Promise<void>,
): Promise<void> {
  const backend = startBackend();
  const folder = await Deno.makeTempDir({ prefix: "postern-threads-" });
  const adminPort = freePort();
  const gateway = await startGatewayProcess({
    config: {
      workers: THREADS,
      identity: {
        kind: "upstream",
        url: `${backend.url}/login`,
        subject: "/user/id",
        claims: { scope: "/user/permissions" },
      },
      store: { kind: "sqlite", path: `${folder}/postern.db` },
      // Only a push can make a revocation known sooner.
      revocation: { pollInterval: "20s", maxStaleness: "60s" },
      upstreams: { app: { targets: [backend.url] } },
      routes: [{ path: "/*", upstream: "app" }],
      ...settings,
    },
    env: { POSTERN_ADMIN: `127.0.0.1:${adminPort}` },
  });
  const { url } = gateway;
  const host = new URL(url).host;
  const ask = (token: string) =>
    new Promise<number>((resolve, reject) => {
      const text = `GET /x HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n` +
        "Connection: close\r\n\r\n";
      void (async () => {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port: gateway.port });
        await connection.write(new TextEncoder().encode(text));
        const answer = await new Response(connection.readable).text();
        resolve(Number(answer.split(" ")[1]));
      })().catch(reject);
    });
  try {
    await test({
      url,
      admin: `http://127.0.0.1:${adminPort}`,
      post: (path, body, headers = {}) =>
        fetch(url + path, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify(body),
        }),
      statuses: (token) => Promise.all(Array.from({ length: 60 }, () => ask(token))),
      logs: gateway.logs,
      stop: gateway.stop,
    });
  } finally {
    await gateway.stop();
    await backend.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

const ADA = { username: "ada", password: "correct horse" };

Deno.test("what one thread signs, all verify; what one revokes, all refuse at once", () =>
  withThreads({}, async ({ post, statuses, admin }) => {
    const { access, refresh } = await (await post("/api/token/", ADA)).json();
    assert.deepEqual(new Set(await statuses(access)), new Set([200]));
    const out = await post("/api/token/blacklist/", { refresh });
    assert.equal(out.status, 200);
    // Far inside the poll interval: told from thread to thread.
    await until(
      async () => (await statuses(access)).every((status) => status === 401),
      "refused by every thread",
    );
    const refreshed = await post("/api/token/refresh/", { refresh });
    assert.equal(refreshed.status, 401);

    const metrics = await (await fetch(`${admin}/metrics`)).text();
    const passed = /^postern_http_requests_total\{[^}]*route[^}]*\} (\d+)$/m.exec(metrics);
    const counts = [...metrics.matchAll(/^postern_[a-z_]*requests?_total\{[^}]*\} (\d+)$/gm)];
    const inAll = Math.max(Number(passed?.[1] ?? 0), ...counts.map(([, count]) => Number(count)));
    assert.ok(inAll >= 60, `all threads are counted: ${inAll}`);
  }));

Deno.test("the admin listener shows what every thread has seen", () =>
  withThreads({}, async ({ statuses, admin }) => {
    await statuses("nonsense");
    await until(async () => {
      const { events } = await (await fetch(`${admin}/v1/events?limit=500`)).json();
      return events.filter(({ event }: { event: string }) => event === "denied").length === 60;
    }, "all sixty refusals are among the last events");
  }));

Deno.test("the throttle counts over all threads, each upstream gets its share in all", () =>
  withThreads(
    { throttle: { window: "15m", perUser: 5, perAddress: 1000 } },
    async ({ post }) => {
      const wrong = { username: "ada", password: "wrong" };
      const answers = await Promise.all(
        Array.from({ length: 20 }, async () => (await post("/auth/login", wrong)).status),
      );
      assert.ok(answers.filter((status) => status === 401).length <= 6, String(answers));
      assert.ok(answers.includes(429));
    },
  ));

Deno.test("SIGTERM ends all threads, with every line of their logs written", () =>
  withThreads({ log: { access: true } }, async ({ post, statuses, logs, stop }) => {
    const { access } = await (await post("/api/token/", ADA)).json();
    await statuses(access);
    const beganAtMs = performance.now();
    assert.equal(await stop(), 0);
    assert.ok(performance.now() - beganAtMs < 8_000);
    const lines = logs().split("\n").filter((line) => line.includes('"event":"request"'));
    assert.equal(lines.length, 60);
    for (const line of lines) JSON.parse(line);
  }));

Deno.test("a store that threads can not share is refused at start", async () => {
  const { code, output } = await runToEnd(["dev"], {
    POSTERN_CONFIG: JSON.stringify({
      origin: "http://localhost:8787",
      identity: { kind: "demo" },
      store: { kind: "memory" },
      workers: 2,
      upstreams: { app: { targets: ["http://127.0.0.1:9"] } },
      routes: [{ path: "/*", upstream: "app" }],
    }),
  });
  assert.equal(code, 1);
  assert.match(output, /workers: threads can not share the store "memory"/);
});
