import assert from "node:assert/strict";
import { createPool } from "../../src/proxy/pool.ts";
import type { Pool, Target } from "../../src/proxy/pool.ts";

const EJECTION = { failures: 3, forMs: 1_000, statuses: new Set<number>() };

function setUp(targets: string[], options: { maxConcurrent?: number; ejects?: boolean } = {}) {
  const clock = { nowMs: 1 };
  const pool = createPool({
    targets,
    maxConcurrent: options.maxConcurrent ?? 100,
    ejection: options.ejects === false ? null : EJECTION,
    health: null,
  }, () => clock.nowMs);
  return { pool, clock };
}

function take(pool: Pool, except?: Target): Target {
  const selection = pool.take(except);
  assert.equal(selection.kind, "target");
  return selection.target;
}

/** Lets targets fail until one of them has failed `times` in a row. */
function fail(pool: Pool, times: number): void {
  for (let count = 0; count < times; count++) {
    const target = take(pool);
    target.failed();
    target.release();
  }
}

Deno.test("the target with the fewest requests under way gets the next one", () => {
  const { pool } = setUp(["http://a", "http://b", "http://c"]);
  const first = [take(pool), take(pool), take(pool)];
  assert.deepEqual(new Set(first.map(({ origin }) => origin)).size, 3);
  first[1]?.release();
  assert.equal(take(pool).origin, first[1]?.origin);
});

Deno.test("targets with equally few requests take turns", () => {
  const { pool } = setUp(["http://a", "http://b"]);
  const seen = Array.from({ length: 4 }, () => {
    const target = take(pool);
    target.release();
    return target.origin;
  });
  assert.deepEqual(seen, ["http://a", "http://b", "http://a", "http://b"]);
});

Deno.test("a target rests after failures in a row, and one trial decides whether it is back", () => {
  const { pool, clock } = setUp(["http://a"]);
  fail(pool, 2);
  const good = take(pool);
  good.succeeded();
  good.release();
  fail(pool, 3);
  assert.deepEqual(pool.take(), { kind: "down", retryAfterMs: 1_000 });

  clock.nowMs += 1_000;
  const trial = take(pool);
  assert.equal(pool.take().kind, "down", "one trial at a time");
  trial.failed();
  trial.release();
  assert.equal(pool.take().kind, "down", "a failed trial means another rest");

  clock.nowMs += 1_000;
  const second = take(pool);
  second.succeeded();
  second.release();
  take(pool).release();
  take(pool).release();
});

Deno.test("a trial whose client goes away decides nothing, and blocks nothing", () => {
  const { pool, clock } = setUp(["http://a"]);
  fail(pool, 3);
  clock.nowMs += 1_000;
  const trial = take(pool);
  trial.abandoned();
  trial.release();
  assert.equal(pool.take().kind, "target");
});

Deno.test("late failures of old requests do not lengthen a rest", () => {
  const { pool, clock } = setUp(["http://a"]);
  const late = take(pool);
  fail(pool, 3);
  clock.nowMs += 900;
  late.failed();
  late.release();
  clock.nowMs += 100;
  assert.equal(pool.take().kind, "target");
});

Deno.test("a target found ill gets nothing until it is found well", () => {
  const { pool } = setUp(["http://a", "http://b"], { ejects: false });
  pool.report("http://a", false);
  for (let count = 0; count < 4; count++) assert.equal(take(pool).origin, "http://b");
  pool.report("http://b", false);
  assert.equal(pool.take().kind, "down");
  pool.report("http://a", true);
  assert.equal(take(pool).origin, "http://a");
});

Deno.test("the target that has just failed is not the one to try next", () => {
  const { pool } = setUp(["http://a", "http://b"]);
  const first = take(pool);
  assert.notEqual(take(pool, first).origin, first.origin);
});

Deno.test("an upstream gets as many requests at a time as it may have", () => {
  const { pool } = setUp(["http://a", "http://b"], { maxConcurrent: 2 });
  const first = take(pool);
  take(pool);
  assert.equal(pool.take().kind, "busy");
  first.release();
  assert.equal(pool.take().kind, "target");
});

Deno.test("without ejection a failing target goes on getting requests", () => {
  const { pool } = setUp(["http://a"], { ejects: false });
  fail(pool, 50);
  assert.equal(pool.take().kind, "target");
});
