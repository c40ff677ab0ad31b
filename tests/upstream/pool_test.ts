import assert from "node:assert/strict";
import fc from "fast-check";
import { createPool } from "../../src/upstream/pool.ts";
import type { Lease, Pool } from "../../src/upstream/pool.ts";

const EJECTION = { failures: 3, forMs: 1_000, statuses: new Set<number>() };
const TIMEOUT_MS = 500;

function setUp(
  targets: number,
  options: { maxConcurrent?: number; ejects?: boolean; losesRequests?: boolean } = {},
) {
  const clock = { nowMs: 1 };
  const pool = createPool({
    targets: Array.from({ length: targets }, (_, index) => `http://${index}`),
    maxConcurrent: options.maxConcurrent ?? 100,
    ejection: options.ejects === false ? null : EJECTION,
    health: null,
    timeoutMs: TIMEOUT_MS,
  }, { nowMs: () => clock.nowMs, losesRequests: options.losesRequests ?? false });
  return { pool, clock };
}

function take(pool: Pool, except?: number): Lease {
  const selection = pool.take(except);
  assert.equal(selection.kind, "lease");
  return selection.lease;
}

/** Lets targets fail until one of them has failed `times` in a row. */
function fail(pool: Pool, times: number): void {
  for (let count = 0; count < times; count++) {
    const lease = take(pool);
    lease.settle("bad");
    lease.release();
  }
}

Deno.test("the target with the fewest requests under way gets the next one", () => {
  const { pool } = setUp(3);
  const first = [take(pool), take(pool), take(pool)];
  assert.deepEqual(new Set(first.map(({ index }) => index)).size, 3);
  first[1]?.release();
  assert.equal(take(pool).index, first[1]?.index);
});

Deno.test("targets with equally few requests take turns", () => {
  const { pool } = setUp(2);
  const seen = Array.from({ length: 4 }, () => {
    const lease = take(pool);
    lease.release();
    return lease.index;
  });
  assert.deepEqual(seen, [0, 1, 0, 1]);
});

Deno.test("a target rests after failures in a row, and one trial decides whether it is back", () => {
  const { pool, clock } = setUp(1);
  fail(pool, 2);
  const good = take(pool);
  good.settle("good");
  good.release();
  fail(pool, 3);
  assert.deepEqual(pool.take(), { kind: "down", retryAfterMs: 1_000 });

  clock.nowMs += 1_000;
  const trial = take(pool);
  assert.equal(pool.take().kind, "down", "one trial at a time");
  trial.settle("bad");
  trial.release();
  assert.equal(pool.take().kind, "down", "a failed trial means another rest");

  clock.nowMs += 1_000;
  const second = take(pool);
  second.settle("good");
  second.release();
  take(pool).release();
  take(pool).release();
});

Deno.test("a trial that shows nothing decides nothing, and blocks nothing", () => {
  const { pool, clock } = setUp(1);
  fail(pool, 3);
  clock.nowMs += 1_000;
  take(pool).release();
  assert.equal(pool.take().kind, "lease");
});

Deno.test("a trial that never ends blocks its target no longer than an answer may take", () => {
  const { pool, clock } = setUp(1);
  fail(pool, 3);
  clock.nowMs += 1_000;
  const endless = take(pool);
  clock.nowMs += TIMEOUT_MS - 1;
  assert.equal(pool.take().kind, "down");
  clock.nowMs += 1;
  const next = take(pool);
  assert.equal(pool.take().kind, "down", "again one at a time");
  endless.release();
  assert.equal(pool.take().kind, "down", "the old trial has no say in the new one");
  next.settle("good");
  next.release();
  assert.equal(pool.take().kind, "lease");
});

Deno.test("late failures of old requests do not lengthen a rest", () => {
  const { pool, clock } = setUp(1);
  const late = take(pool);
  fail(pool, 3);
  clock.nowMs += 900;
  late.settle("bad");
  late.release();
  clock.nowMs += 100;
  assert.equal(pool.take().kind, "lease");
});

Deno.test("a target found ill gets nothing until it is found well", () => {
  const { pool } = setUp(2, { ejects: false });
  pool.report(0, false);
  for (let count = 0; count < 4; count++) assert.equal(take(pool).index, 1);
  pool.report(1, false);
  assert.equal(pool.take().kind, "down");
  pool.report(0, true);
  assert.equal(take(pool).index, 0);
});

Deno.test("the target that has just failed is not the one to try next, the only one neither", () => {
  const { pool } = setUp(2);
  const first = take(pool);
  assert.notEqual(take(pool, first.index).index, first.index);
  assert.equal(setUp(1).pool.take(0).kind, "down");
});

Deno.test("an upstream gets as many requests at a time as it may have", () => {
  const { pool } = setUp(2, { maxConcurrent: 2 });
  const first = take(pool);
  take(pool);
  assert.equal(pool.take().kind, "busy");
  first.release();
  first.release();
  take(pool);
  assert.equal(pool.take().kind, "busy", "given back once, however often it is said");
});

Deno.test("without ejection a failing target goes on getting requests", () => {
  const { pool } = setUp(1, { ejects: false });
  fail(pool, 50);
  assert.equal(pool.take().kind, "lease");
});

Deno.test("where a runtime loses requests, what nobody extends is given back", () => {
  const { pool, clock } = setUp(1, { maxConcurrent: 3, losesRequests: true });
  const kept = take(pool);
  take(pool);
  take(pool);
  assert.equal(pool.take().kind, "busy");
  clock.nowMs += TIMEOUT_MS - 1;
  kept.extend(TIMEOUT_MS);
  assert.equal(pool.take().kind, "busy");
  clock.nowMs += 1;
  const again = [take(pool), take(pool)];
  assert.equal(pool.take().kind, "busy", "the one that lives keeps its place");
  for (const lease of [kept, ...again]) lease.release();
  assert.equal(pool.underWay, 0);
});

Deno.test("whatever is taken, lost and given back in whatever order, the count stays true", () => {
  const step = fc.oneof(
    fc.constant({ kind: "take" as const }),
    fc.record({ kind: fc.constant("release" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant("extend" as const), which: fc.nat(20), forMs: fc.nat(800) }),
    fc.record({ kind: fc.constant("wait" as const), forMs: fc.nat(400) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const { pool, clock } = setUp(2, { maxConcurrent: 5, losesRequests: true, ejects: false });
    // The model: when each lease ends that nobody has given back.
    const live = new Map<Lease, number>();
    const leases: Lease[] = [];
    for (const each of steps) {
      if (each.kind === "wait") clock.nowMs += each.forMs;
      else if (each.kind === "take") {
        const selection = pool.take();
        const alive = [...live.values()].filter((end) => end > clock.nowMs).length;
        if (selection.kind === "busy") assert.equal(alive, 5);
        else {
          assert.ok(alive < 5);
          assert.equal(selection.kind, "lease");
          leases.push(selection.lease);
          live.set(selection.lease, clock.nowMs + TIMEOUT_MS);
        }
      } else {
        const lease = leases[each.which];
        if (lease === undefined) continue;
        if (each.kind === "release") {
          lease.release();
          live.delete(lease);
        } else if ((live.get(lease) ?? 0) > clock.nowMs) {
          lease.extend(each.forMs);
          live.set(lease, clock.nowMs + each.forMs);
        }
      }
    }
    for (const lease of leases) lease.release();
    assert.equal(pool.underWay, 0);
  }));
});
