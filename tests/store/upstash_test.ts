import assert from "node:assert/strict";
import { v4, v7 } from "uuid";
import { StoreUnavailableError } from "../../src/base/errors.ts";
import { StoreRejectedError } from "../../src/store/port.ts";
import { createUpstashStore } from "../../src/store/upstash/store.ts";
import { report } from "../support/report.ts";
import { describeStore } from "./contract.ts";
import {
  DENY_FOR_MS,
  listOf,
  openSession,
  revokeSession,
  revokeSubject,
  rotationOf,
  statusOf,
} from "./fixtures.ts";
import { checkModel } from "./model.ts";
import { createUpstashHarness, layUpstashGround } from "./upstash_harness.ts";
import type { UpstashHarness } from "./upstash_harness.ts";

const ground = await layUpstashGround({ persistent: true });
Deno.test.afterAll(() => ground.stop());

describeStore("upstash store", () => createUpstashHarness(ground));

const { rest, redis } = ground;

/** A test with an empty store and a healthy endpoint. */
function test(
  behaviour: string,
  body: (harness: UpstashHarness) => Promise<void>,
  options: Parameters<typeof createUpstashHarness>[1] = {},
): void {
  Deno.test(`upstash store: ${behaviour}`, async () => {
    const harness = await createUpstashHarness(ground, options);
    try {
      await body(harness);
    } finally {
      Object.assign(rest.faults, {
        delayMs: 0,
        drop: false,
        cutAfterCommit: false,
        status: null,
        times: Infinity,
      });
      await harness.dispose();
    }
  });
}

/** Everything that the store can be asked, once. */
async function everyOperation({ store, clock }: UpstashHarness): Promise<void> {
  const session = await openSession(store, clock);
  await store.rotate(rotationOf(clock, session));
  await store.bind(session.sid, { jkt: "k", by: "dbsc" });
  await statusOf(store, session);
  await store.readSession(session.sid);
  await listOf(store, session.subject);
  await store.listSessions({ after: null, limit: 1_000 });
  await store.countSessions(session.subject);
  await store.revokeToken({ jti: v4(), untilMs: clock() + DENY_FOR_MS });
  const attempt = {
    id: v4(),
    counters: ["a", "b"].map((key) => ({ key, limit: 3 })),
    windowMs: 1e5,
  };
  await store.reserveAttempt({ ...attempt, holdMs: 10_000 });
  await store.settleAttempt({ ...attempt, result: "failed" });
  await revokeSession(store, session, { mustExist: true });
  await revokeSubject(store, session.subject);
  await store.revocationsSince(null);
}
const OPERATIONS = 14;

test("every operation is one request and one command", async (harness) => {
  await everyOperation(harness); // loads the scripts
  const [requests, commands] = [rest.requests(), rest.commands().length];
  await everyOperation(harness);
  assert.equal(rest.requests() - requests, OPERATIONS);
  assert.equal(rest.commands().length - commands, OPERATIONS);
  assert.ok(rest.commands().slice(commands).every((name) => name === "EVALSHA"));
});

test("every key expires by itself", async (harness) => {
  await everyOperation(harness);
  const keys = await redis.client.keys(`${harness.prefix}:*`);
  assert.ok(keys.length >= 4, keys.join());
  for (const key of keys) assert.ok(await redis.client.pttl(key) > 0, `${key} lives for ever`);
});

test("strict asks of one tick are one command", async ({ store, clock }) => {
  const session = await openSession(store, clock);
  await statusOf(store, session);
  const before = rest.commands().length;
  const answers = await Promise.all(Array.from({ length: 100 }, () => statusOf(store, session)));
  assert.deepEqual(new Set(answers), new Set(["live"]));
  assert.equal(rest.commands().length - before, 1);
});

test("fifty gateways that rotate one token agree on one successor", async (harness) => {
  const { clock } = harness;
  const session = await openSession(harness.store, clock);
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, () => harness.another().rotate(rotationOf(clock, session))),
  );
  const successors = new Set(outcomes.map((outcome) => {
    assert.ok(outcome.kind === "rotated" || outcome.kind === "replayed", outcome.kind);
    return outcome.generation.refreshJti;
  }));
  assert.equal(successors.size, 1);
  assert.equal(outcomes.filter(({ kind }) => kind === "rotated").length, 1);
});

test("a rotation whose answer was lost is repeated and gives the same successor", async ({ store, clock }) => {
  const session = await openSession(store, clock);
  // Without a grace window only the repetition itself can save it.
  const rotation = rotationOf(clock, session, { graceMs: 0 });
  Object.assign(rest.faults, { cutAfterCommit: true, times: 1 });
  const outcome = await store.rotate(rotation);
  assert.equal(outcome.kind, "replayed");
  assert.ok(outcome.kind === "replayed");
  assert.equal(outcome.generation.refreshJti, rotation.next.refreshJti);
});

test("an attempt whose answer was lost is asked for again, and counted once", async ({ store }) => {
  const counters = [{ key: "k", limit: 2 }];
  for (const _ of [1, 2]) {
    const attempt = { id: v4(), counters, windowMs: 60_000 };
    Object.assign(rest.faults, { cutAfterCommit: true, times: 1 });
    const place = await store.reserveAttempt({ ...attempt, holdMs: 10_000 });
    assert.deepEqual(place, { allowed: true });
    Object.assign(rest.faults, { cutAfterCommit: true, times: 1 });
    await store.settleAttempt({ ...attempt, result: "failed" });
  }
  const full = await store.reserveAttempt({ id: v4(), counters, windowMs: 60_000, holdMs: 10_000 });
  assert.equal(full.allowed, false);
});

for (const status of [500, 429] as const) {
  test(`one answer ${status} is got over, a lasting one is an outage`, async ({ store, clock }) => {
    const session = await openSession(store, clock);
    Object.assign(rest.faults, { status, times: 1 });
    assert.equal((await store.readSession(session.sid))?.sid, session.sid);
    Object.assign(rest.faults, { status, times: Infinity });
    await assert.rejects(store.readSession(session.sid), StoreUnavailableError);
  });
}

test("a silent Redis is an outage within three time limits", async ({ store }) => {
  await store.probe();
  Object.assign(rest.faults, { delayMs: 3_000, times: Infinity });
  const beganAtMs = performance.now();
  await assert.rejects(store.revocationsSince(null), StoreUnavailableError);
  const tookMs = performance.now() - beganAtMs;
  assert.ok(tookMs >= 190 && tookMs < 2_000, `${tookMs} ms`);
}, { commandTimeoutMs: 200 });

test("a dropped connection is got over", async ({ store, clock }) => {
  const session = await openSession(store, clock);
  Object.assign(rest.faults, { drop: true, times: 1 });
  assert.equal((await store.readSession(session.sid))?.sid, session.sid);
});

test("scripts that Redis has forgotten are sent again", async (harness) => {
  await everyOperation(harness);
  await redis.client.script("FLUSH");
  await everyOperation(harness);
});

test("a flushed database is noticed by everybody who has read it before", async (harness) => {
  const { store, clock } = harness;
  await store.revokeToken({ jti: "before", untilMs: clock() + DENY_FOR_MS });
  const { cursor } = await store.revocationsSince(null);
  await redis.client.del(...await redis.client.keys(`${harness.prefix}:*`));
  await store.revokeToken({ jti: "after", untilMs: clock() + DENY_FOR_MS });
  const page = await harness.another().revocationsSince(cursor);
  assert.equal(page.reset, true);
  assert.deepEqual(page.entries.map((entry) => entry.kind === "token" && entry.jti), ["after"]);
});

test("a database restored from a backup is noticed, though it has grown again", async (harness) => {
  const { store, clock } = harness;
  const feed = [`${harness.prefix}:feed`, `${harness.prefix}:feed:head`];
  const revoke = (jti: string) => store.revokeToken({ jti, untilMs: clock() + DENY_FOR_MS });
  await revoke("one");
  const backup = await Promise.all(feed.map((key) => redis.client.dumpBuffer(key)));
  await revoke("two");
  const { cursor } = await store.revocationsSince(null);
  for (const [index, key] of feed.entries()) {
    const dump = backup[index];
    assert.ok(dump !== null && dump !== undefined);
    await redis.client.restore(key, 3_600_000, dump, "REPLACE");
  }
  await revoke("another two");
  const page = await store.revocationsSince(cursor);
  assert.equal(page.reset, true);
  assert.deepEqual(
    page.entries.map((entry) => entry.kind === "token" && entry.jti),
    ["one", "another two"],
  );
});

test("several gateways in one database do not see each other", async (harness) => {
  const other = await createUpstashHarness(ground);
  const session = await openSession(harness.store, harness.clock);
  await harness.store.revokeToken({ jti: "x", untilMs: harness.clock() + DENY_FOR_MS });
  assert.equal(await other.store.readSession(session.sid), null);
  assert.deepEqual((await other.store.revocationsSince(null)).entries, []);
  await other.dispose();
});

test("nothing is told to Upstash about who we are", async ({ store }) => {
  await store.probe();
  const names = [...rest.lastHeaders().keys()];
  assert.ok(!names.some((name) => name.startsWith("upstash-telemetry")), names.join());
});

test("a wrong token, a read-only one and an absent database are told apart at the start", async () => {
  const probe = async (options: { url?: string; token?: string }) => {
    const store = createUpstashStore({
      url: rest.url,
      token: rest.token,
      commandTimeoutMs: 500,
      ...options,
    });
    try {
      return await store.probe();
    } finally {
      await store.close();
    }
  };
  await assert.rejects(probe({ token: "wrong" }), (error: Error) => {
    assert.ok(error instanceof StoreRejectedError);
    assert.match(error.message, /^UPSTASH_REDIS_REST_TOKEN: .*does not accept this token/);
    assert.ok(!error.message.includes("wrong"), "the token itself is in the message");
    return true;
  });
  await assert.rejects(probe({ token: rest.readOnlyToken }), (error: Error) => {
    assert.ok(error instanceof StoreRejectedError);
    assert.match(error.message, /not the read-only one/);
    return true;
  });
  await assert.rejects(probe({ url: "http://127.0.0.1:9" }), StoreUnavailableError);
  assert.throws(() => createUpstashStore({ url: "nonsense", token: "x" }), /no URL/);
  assert.throws(
    () => createUpstashStore({ url: rest.url, token: "x", prefix: "a b" }),
    /POSTERN_PREFIX/,
  );
});

test("a Redis that evicts is warned about", async ({ store }) => {
  assert.deepEqual(await store.probe(), []);
  await redis.client.config("SET", "maxmemory-policy", "allkeys-lru");
  try {
    const [warning = ""] = await store.probe();
    assert.match(warning, /evicts \(maxmemory-policy allkeys-lru\).*set noeviction/);
  } finally {
    await redis.client.config("SET", "maxmemory-policy", "noeviction");
  }
});

test("a session's storage does not grow with its rotations", async (harness) => {
  const { store, clock } = harness;
  let session = await openSession(store, clock);
  const sizes: number[] = [];
  for (let rotations = 1; rotations <= 100; rotations++) {
    const outcome = await store.rotate(rotationOf(clock, session));
    assert.ok(outcome.kind === "rotated");
    session = outcome.session;
    await harness.advance(11_000);
    if (![1, 10, 100].includes(rotations)) continue;
    const keys = await redis.client.keys(`${harness.prefix}:*`);
    const bytes = await Promise.all(keys.map((key) => redis.client.memory("USAGE", key)));
    sizes.push(bytes.reduce<number>((sum, size) => sum + (size ?? 0), 0));
  }
  const [after1 = 0, , after100 = 0] = sizes;
  report(`bytes in Redis for one session after 1, 10 and 100 rotations: ${sizes.join(", ")}`);
  assert.ok(after100 <= after1 * 1.05, `bytes after 1, 10 and 100 rotations: ${sizes}`);
});

test("everything is there again after Redis was killed", async ({ store, clock }) => {
  const session = await openSession(store, clock);
  await store.revokeToken({ jti: "x", untilMs: clock() + DENY_FOR_MS });
  const sid = v7();
  await redis.kill();
  await assert.rejects(store.readSession(sid), StoreUnavailableError);
  await redis.restart();
  for (let tries = 0;; tries++) {
    try {
      assert.equal((await store.readSession(session.sid))?.sid, session.sid);
      break;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || tries > 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const { entries } = await store.revocationsSince(null);
  assert.deepEqual(entries.map((entry) => entry.kind === "token" && entry.jti), ["x"]);
});

Deno.test("upstash store: random histories go as the model of a session says", async () => {
  await checkModel(() => createUpstashHarness(ground), 30);
});
