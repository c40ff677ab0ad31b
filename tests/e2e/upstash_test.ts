/**
 * Gateways as they run in production, on Upstash's REST interface over a real
 * Redis: how far a revocation travels, what it costs, what an outage does.
 */
import assert from "node:assert/strict";
import { systemClock } from "../../src/base/clock.ts";
import { createRevocationView } from "../../src/sessions/revocation_view.ts";
import { createUpstashStore } from "../../src/store/upstash/store.ts";
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { PEOPLE, startBackend } from "../support/backend.ts";
import { startGatewayProcess } from "../support/gateway_process.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { report } from "../support/report.ts";
import { until } from "../support/until.ts";
import { startUpstashRest } from "../support/upstash_rest.ts";
import type { UpstashRest } from "../support/upstash_rest.ts";

interface Stage {
  readonly gateways: readonly GatewayProcess[];
  readonly rest: UpstashRest;
  readonly redis: RedisServer;
}

async function onStage(count: number, act: (stage: Stage) => Promise<void>): Promise<void> {
  const backend = startBackend();
  const redis = await startRedis({ persistent: true });
  const rest = await startUpstashRest({ redisPort: redis.port });
  const keys = JSON.stringify(await generateKeySet());
  const gateways = await Promise.all(Array.from({ length: count }, () =>
    startGatewayProcess({
      config: {
        identity: { kind: "upstream", url: `${backend.url}/login`, subject: "/user/id" },
        store: { kind: "upstash" },
        tokens: { issuer: "https://app.example.com", audience: "https://app.example.com" },
        upstreams: { app: { targets: [backend.url] } },
        routes: [
          { path: "/public/*", upstream: "app", auth: "none" },
          { path: "/strict/*", upstream: "app", revocation: "strict" },
          { path: "/*", upstream: "app" },
        ],
      },
      env: {
        POSTERN_KEYS: keys,
        UPSTASH_REDIS_REST_URL: rest.url,
        UPSTASH_REDIS_REST_TOKEN: rest.token,
      },
    })));
  try {
    await act({ gateways, rest, redis });
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await rest.stop();
    await redis.stop();
    await backend.stop();
  }
}

/** A test whose processes may leave connections behind. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeResources: false, sanitizeOps: false });
}

async function signIn({ port }: GatewayProcess): Promise<{ access: string; refresh: string }> {
  const response = await fetch(`http://127.0.0.1:${port}/api/token/`, {
    method: "POST",
    body: new URLSearchParams({ username: "ada", password: PEOPLE.ada.password }),
  });
  assert.equal(response.status, 200);
  return await response.json();
}

async function readiness(gateway: GatewayProcess): Promise<number> {
  const response = await fetch(`${gateway.admin}/readyz`);
  await response.body?.cancel();
  return response.status;
}

async function status({ port }: GatewayProcess, path: string, token?: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  await response.body?.cancel();
  return response.status;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

test("a revocation on one gateway turns away on another within the bound, 200 times", async () => {
  await onStage(2, async ({ gateways }) => {
    const [one, two] = gateways as [GatewayProcess, GatewayProcess];
    const trial = async (index: number): Promise<number> => {
      // Spread over ten polls, so that every moment between two of them is met.
      await pause(index * 100);
      const { access, refresh } = await signIn(one);
      assert.equal(await status(two, "/api", access), 200);
      const response = await fetch(`http://127.0.0.1:${one.port}/auth/revoke`, {
        method: "POST",
        body: new URLSearchParams({ token: refresh }),
      });
      const revokedAtMs = performance.now();
      assert.equal(response.status, 200);
      assert.equal(await status(one, "/api", access), 401, "at once where it was revoked");
      while (await status(two, "/api", access) !== 401) {
        assert.ok(performance.now() - revokedAtMs < 10_000);
        await pause(10);
      }
      return performance.now() - revokedAtMs;
    };
    const times = await Promise.all(Array.from({ length: 200 }, (_, index) => trial(index)));
    report(
      `200 revocations crossed: median ${median(times).toFixed(0)} ms, ` +
        `at most ${Math.max(...times).toFixed(0)} ms (bound 5000 ms)`,
    );
    assert.ok(Math.max(...times) <= 5_000);
  });
});

test("a thousand requests in ten seconds cost one command per poll", async () => {
  await onStage(1, async ({ gateways, rest }) => {
    const [gateway] = gateways as [GatewayProcess];
    const { access } = await signIn(gateway);
    assert.equal(await status(gateway, "/api", access), 200);
    const before = rest.commands().length;
    for (let turn = 0; turn < 100; turn++) {
      const tick = pause(100);
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => status(gateway, "/api", access)),
      );
      assert.ok(answers.every((code) => code === 200));
      await tick;
    }
    const commands = rest.commands().length - before;
    report(`1,000 authorised requests over 10 s: ${commands} commands; asking each time: 1,000`);
    assert.ok(commands <= 6, `${commands} commands`);
    const idle = rest.commands().length;
    await pause(5_000);
    assert.equal(rest.commands().length, idle, "nothing is asked while nobody calls");
  });
});

test("Redis is killed and comes back during traffic", async () => {
  await onStage(1, async ({ gateways, redis }) => {
    const [gateway] = gateways as [GatewayProcess];
    const { access, refresh } = await signIn(gateway);
    const post = async (path: string, fields: Record<string, string>) => {
      const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
        method: "POST",
        body: new URLSearchParams(fields),
      });
      await response.body?.cancel();
      return { status: response.status, retryAfter: response.headers.get("retry-after") };
    };
    const everything = async () => ({
      public: await status(gateway, "/public/x"),
      protected: await status(gateway, "/api", access),
      strict: await status(gateway, "/strict/x", access),
      signIn:
        (await post("/auth/login", { username: "ada", password: PEOPLE.ada.password })).status,
      ready: await readiness(gateway),
      alive: await status(gateway, "/auth/healthz"),
    });
    const good = { public: 200, protected: 200, strict: 200, signIn: 200, ready: 200, alive: 200 };
    assert.deepEqual(await everything(), good);

    await redis.kill();
    const killedAtMs = performance.now();
    const inside = await everything();
    assert.deepEqual(
      { ...inside, ready: 0 },
      { ...good, strict: 503, signIn: 503, ready: 0 },
      "the view is inside its bound",
    );
    await until(async () => await status(gateway, "/api", access) === 503, "closed past the bound");
    const closedAfterMs = performance.now() - killedAtMs;
    const down = { public: 200, protected: 503, strict: 503, signIn: 503, ready: 503, alive: 200 };
    assert.deepEqual(await everything(), down);
    const refreshed = await post("/api/token/refresh/", { refresh });
    assert.equal(refreshed.status, 503);
    assert.notEqual(refreshed.retryAfter, null);
    const problem = await fetch(`http://127.0.0.1:${gateway.port}/api`, {
      headers: { authorization: `Bearer ${access}` },
    });
    assert.notEqual(problem.headers.get("retry-after"), null);
    assert.equal((await problem.json()).code, "store_unavailable");

    await redis.restart();
    const backAtMs = performance.now();
    await until(async () => await status(gateway, "/api", access) === 200, "open again");
    const recoveredAfterMs = performance.now() - backAtMs;
    await until(async () => await readiness(gateway) === 200, "ready again");
    assert.deepEqual(await everything(), good);
    assert.equal((await post("/api/token/refresh/", { refresh })).status, 200, "nobody was lost");
    report(
      `Redis killed: strict routes and sign-in 503 at once, protected ones after ` +
        `${(closedAfterMs / 1000).toFixed(1)} s, public ones never; back: open after ` +
        `${recoveredAfterMs.toFixed(0)} ms`,
    );
  });
});

test("a feed of 100,000 revocations: loading it, keeping it, asking it", async () => {
  const redis = await startRedis();
  const rest = await startUpstashRest({ redisPort: redis.port });
  const store = createUpstashStore({ ...rest, commandTimeoutMs: 10_000 });
  const untilMs = Date.now() + 3600_000;
  const token = {
    sid: "01900000-0000-7000-8000-000000000000",
    jti: "none of them",
    groups: ["ada", "provider"],
    sessionCreatedAtMs: Date.now(),
  };
  const newView = () =>
    createRevocationView({
      store,
      clock: systemClock,
      pollIntervalMs: 60_000,
      maxStalenessMs: 120_000,
      isolatesRequests: false,
      onError: (error) => assert.fail(String(error)),
    });
  const costOf = (view: ReturnType<typeof newView>) => {
    const rounds = Array.from({ length: 9 }, () => {
      const beganAtMs = performance.now();
      for (let turn = 0; turn < 20_000; turn++) view.isRevoked(token);
      return (performance.now() - beganAtMs) * 1e6 / 20_000;
    });
    return median(rounds);
  };
  try {
    const empty = newView();
    await empty.ensureFresh(() => {});
    const costEmpty = costOf(empty);
    for (let done = 0; done < 100_000; done += 500) {
      await Promise.all(
        Array.from({ length: 500 }, () => store.revokeToken({ jti: crypto.randomUUID(), untilMs })),
      );
    }
    const bytes = await redis.client.memory("USAGE", "postern:feed", "SAMPLES", 0);
    const heapBefore = Deno.memoryUsage().heapUsed;
    const view = newView();
    const beganAtMs = performance.now();
    assert.equal(await view.ensureFresh(() => {}), true);
    const loadMs = performance.now() - beganAtMs;
    const heapMiB = (Deno.memoryUsage().heapUsed - heapBefore) / 1024 / 1024;
    const costFull = costOf(view);
    report(
      `100,000 revocations: ${((bytes ?? 0) / 1024 / 1024).toFixed(1)} MiB in Redis, loaded in ` +
        `${loadMs.toFixed(0)} ms, about ${heapMiB.toFixed(0)} MiB in an instance; a check costs ` +
        `${costFull.toFixed(0)} ns, with none ${costEmpty.toFixed(0)} ns`,
    );
    assert.ok(loadMs < 10_000);
    assert.ok(costFull < costEmpty * 10 + 1_000);
  } finally {
    await store.close();
    await rest.stop();
    await redis.stop();
  }
});
