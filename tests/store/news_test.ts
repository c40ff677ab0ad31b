/**
 * Pushed revocations: how soon another instance knows of one, on every store
 * that can be listened to, and that a broken push is no worse than none.
 */
import assert from "node:assert/strict";
import { v4 } from "uuid";
import { systemClock } from "../../src/base/clock.ts";
import { createRevocationView } from "../../src/sessions/revocation_view.ts";
import type { SessionStore } from "../../src/store/port.ts";
import { createRedisStore } from "../../src/store/redis/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { createUpstashStore } from "../../src/store/upstash/store.ts";
import { startRedis } from "../support/redis.ts";
import { report } from "../support/report.ts";
import { until } from "../support/until.ts";
import { startUpstashRest } from "../support/upstash_rest.ts";

const redis = await startRedis();
const rest = await startUpstashRest({ redisPort: redis.port });
Deno.test.afterAll(async () => {
  await rest.stop();
  await redis.stop();
});

const DENY = { denyForMs: 60_000, rememberForMs: 60_000 };

/** A view that asks once an hour by itself. */
function listeningView(store: SessionStore) {
  const view = createRevocationView({
    store,
    clock: systemClock,
    pollIntervalMs: 3_600_000,
    maxStalenessMs: 7_200_000,
  });
  store.listen?.(view.pull);
  return view;
}

const tokenOf = (jti: string) => ({ sid: null, jti, groups: [jti], sessionCreatedAtMs: 0 });

/** Revokes here and waits until it is known there; milliseconds. */
async function propagation(
  here: SessionStore,
  there: ReturnType<typeof listeningView>,
  turn: number,
): Promise<number> {
  const jti = v4();
  const known = new Promise<void>((resolve) => {
    const unwatch = there.watch(() => {
      if (!there.isRevoked(tokenOf(jti))) return;
      unwatch();
      resolve();
    });
  });
  const beganAtMs = performance.now();
  if (turn % 2 === 0) await here.revokeToken({ jti, untilMs: Date.now() + 60_000 });
  else await here.revokeGroup({ group: jti, ...DENY });
  await known;
  return performance.now() - beganAtMs;
}

const stores: Readonly<
  Record<string, () => Promise<{ open(): SessionStore; end(): Promise<void> }>>
> = {
  redis: () => {
    const prefix = v4();
    const url = `redis://127.0.0.1:${redis.port}`;
    return Promise.resolve({
      open: () => createRedisStore({ url, prefix, commandTimeoutMs: 5_000 }),
      end: () => Promise.resolve(),
    });
  },
  upstash: () => {
    const prefix = v4();
    const { url, token } = rest;
    return Promise.resolve({
      open: () => createUpstashStore({ url, token, prefix, commandTimeoutMs: 5_000 }),
      end: () => Promise.resolve(),
    });
  },
  sqlite: async () => {
    const folder = await Deno.makeTempDir({ prefix: "postern-news-" });
    return {
      open: () => openSqliteStore({ path: `${folder}/postern.db` }),
      end: () => Deno.remove(folder, { recursive: true }),
    };
  },
};

for (const [name, ground] of Object.entries(stores)) {
  Deno.test(`${name}: a revocation is pushed to another instance`, async () => {
    const { open, end } = await ground();
    const [here, there] = [open(), open()];
    try {
      const view = listeningView(there);
      await view.ensureFresh(() => {});
      // It listens from some moment on.
      await until(async () => {
        const turn = propagation(here, view, 0).then(() => true);
        const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300));
        return await Promise.race([turn, late]);
      }, "it listens");
      const tookMs: number[] = [];
      for (let turn = 0; turn < 200; turn++) tookMs.push(await propagation(here, view, turn));
      tookMs.sort((a, b) => a - b);
      const [median = 0, most = 0] = [tookMs[100], tookMs[199]];
      report(
        `${name}: 200 revocations pushed to another instance: median ${median.toFixed(1)} ms, ` +
          `most ${most.toFixed(1)} ms`,
      );
    } finally {
      await here.close();
      await there.close();
      await end();
    }
  });
}

Deno.test("many revocations at once come with few questions, and none is missed", async () => {
  const prefix = v4();
  const url = `redis://127.0.0.1:${redis.port}`;
  const [here, there] = [1, 2].map(() =>
    createRedisStore({ url, prefix, commandTimeoutMs: 5_000 })
  );
  assert.ok(here !== undefined && there !== undefined);
  let questions = 0;
  const view = createRevocationView({
    store: {
      revocationsSince(cursor) {
        questions++;
        return there.revocationsSince(cursor);
      },
    },
    clock: systemClock,
    pollIntervalMs: 3_600_000,
    maxStalenessMs: 7_200_000,
  });
  there.listen?.(view.pull);
  await until(() => questions > 0, "it listens");
  const names = Array.from({ length: 1_000 }, () => v4());
  await Promise.all(
    names.map((jti) => here.revokeToken({ jti, untilMs: Date.now() + 60_000 })),
  );
  await until(() => names.every((jti) => view.isRevoked(tokenOf(jti))), "all are known");
  assert.ok(questions < 500, `${questions} questions`);
  await here.close();
  await there.close();
});

Deno.test("a push that breaks is tried again, and tells of what was missed", async () => {
  const prefix = v4();
  const { url, token } = rest;
  const open = () => createUpstashStore({ url, token, prefix, commandTimeoutMs: 5_000 });
  const [here, there] = [open(), open()];
  const view = listeningView(there);
  await view.ensureFresh(() => {});
  await until(() => rest.streams() > 0, "it listens");
  rest.cutStreams(true);
  const jti = v4();
  await here.revokeToken({ jti, untilMs: Date.now() + 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(view.isRevoked(tokenOf(jti)), false, "nobody has told");
  rest.cutStreams(false);
  await until(() => view.isRevoked(tokenOf(jti)), "told after the next connection");
  await here.close();
  await there.close();
  await until(() => rest.streams() === 0, "who is closed listens no more");
});

Deno.test("a user who may not publish revokes all the same", async () => {
  const prefix = v4();
  await redis.client.call(
    "ACL",
    "SETUSER",
    "mute",
    "on",
    ">x",
    ...["-@all", "+@read", "+@write", "+@scripting", "~*", "resetchannels"],
  );
  const url = `redis://mute:x@127.0.0.1:${redis.port}`;
  const store = createRedisStore({ url, prefix, commandTimeoutMs: 5_000 });
  store.listen?.(() => {});
  await store.revokeToken({ jti: "x", untilMs: Date.now() + 60_000 });
  assert.equal((await store.revocationsSince(null)).entries.length, 1);
  await store.close();
});
