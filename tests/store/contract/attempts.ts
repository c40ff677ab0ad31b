/**
 * The store's contract: attempts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { v4 } from "uuid";
import type {
  AttemptCounter,
  AttemptOutcome,
  AttemptSettlement,
} from "../../../src/store/attempts.ts";
import type { SessionStore } from "../../../src/store/port.ts";
import type { RegisterTest } from "../contract.ts";
import { assertNear, MINUTE_MS } from "../fixtures.ts";

const WINDOW_MS = 15 * MINUTE_MS;
const HOLD_MS = 30_000;

/** Registers this part. */
export function attemptsContract(test: RegisterTest): void {
  type Result = AttemptSettlement["result"];

  async function attempt(
    store: SessionStore,
    counters: readonly AttemptCounter[],
    result: Result | null,
    id: string = v4(),
  ): Promise<AttemptOutcome> {
    const outcome = await store.reserveAttempt({
      id,
      counters,
      windowMs: WINDOW_MS,
      holdMs: HOLD_MS,
    });
    if (outcome.allowed && result !== null) {
      await store.settleAttempt({ id, counters, windowMs: WINDOW_MS, result });
    }
    return outcome;
  }

  test("attempts may fail up to the limit, then after the window", async ({ store, advance }) => {
    const counters = [{ key: "user:1", limit: 3 }];
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await attempt(store, counters, "failed"), { allowed: true });
      await advance(MINUTE_MS);
    }
    const full = await attempt(store, counters, "failed");
    assert.ok(!full.allowed);
    // The window began with the first failure, three minutes ago.
    assertNear(full.retryAfterMs, WINDOW_MS - 3 * MINUTE_MS);
    await advance(WINDOW_MS - 4 * MINUTE_MS);
    assert.equal((await attempt(store, counters, "failed")).allowed, false);
    await advance(2 * MINUTE_MS);
    assert.deepEqual(await attempt(store, counters, "failed"), { allowed: true });
  });

  test("only failures count", async ({ store }) => {
    const counters = [{ key: "user:1", limit: 2 }];
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(await attempt(store, counters, "succeeded"), { allowed: true });
    }
    await attempt(store, counters, "failed");
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(await attempt(store, counters, "succeeded"), { allowed: true });
    }
    await attempt(store, counters, "failed");
    assert.equal((await attempt(store, counters, "succeeded")).allowed, false);
  });

  test("a place whose end is never told comes free by itself", async ({ store, advance }) => {
    const counters = [{ key: "user:1", limit: 2 }];
    await attempt(store, counters, null);
    await attempt(store, counters, "unknown");
    const full = await attempt(store, counters, "failed");
    assert.ok(!full.allowed);
    assert.ok(full.retryAfterMs > 0 && full.retryAfterMs <= HOLD_MS, String(full.retryAfterMs));
    await advance(HOLD_MS + 1_000);
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(await attempt(store, counters, "succeeded"), { allowed: true });
    }
  });

  test("parallel attempts find no gap", async ({ store, another }) => {
    const stores = [store, another()];
    const outcomes = await Promise.all(
      Array.from(
        { length: 30 },
        (_, i) => attempt(stores[i % 2] ?? store, [{ key: "user:1", limit: 10 }], null),
      ),
    );
    assert.equal(outcomes.filter(({ allowed }) => allowed).length, 10);
  });

  test("a place is taken under every counter or under none", async ({ store }) => {
    const narrow = { key: "user:1", limit: 1 };
    const wide = { key: "address:1", limit: 3 };
    assert.equal((await attempt(store, [narrow, wide], "failed")).allowed, true);
    for (let i = 0; i < 5; i++) {
      assert.equal((await attempt(store, [narrow, wide], null)).allowed, false);
      assert.equal((await attempt(store, [wide, narrow], null)).allowed, false);
    }
    assert.equal((await attempt(store, [wide], null)).allowed, true);
    assert.equal((await attempt(store, [wide], null)).allowed, true);
    assert.equal((await attempt(store, [wide], null)).allowed, false);
  });

  test("the wait is that of the counter that stays full longest", async ({ store, advance }) => {
    await attempt(store, [{ key: "early", limit: 1 }], "failed");
    await advance(5 * MINUTE_MS);
    await attempt(store, [{ key: "late", limit: 1 }], "failed");
    const outcome = await attempt(
      store,
      ["early", "late", "free"].map((key) => ({ key, limit: 1 })),
      null,
    );
    assert.ok(!outcome.allowed);
    assertNear(outcome.retryAfterMs, WINDOW_MS);
  });

  test("repeating a call, because its answer was lost, changes nothing", async ({ store }) => {
    const counters = [{ key: "user:1", limit: 2 }];
    const id = v4();
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(await attempt(store, counters, null, id), { allowed: true });
    }
    for (let i = 0; i < 5; i++) {
      await store.settleAttempt({ id, counters, windowMs: WINDOW_MS, result: "failed" });
    }
    assert.deepEqual(await attempt(store, counters, "failed"), { allowed: true });
    assert.equal((await attempt(store, counters, null)).allowed, false);
  });

  test("a failure counts though its place had run out", async ({ store, advance }) => {
    const counters = [{ key: "user:1", limit: 1 }];
    const id = v4();
    await attempt(store, counters, null, id);
    await advance(HOLD_MS + 1_000);
    await store.settleAttempt({ id, counters, windowMs: WINDOW_MS, result: "failed" });
    assert.equal((await attempt(store, counters, null)).allowed, false);
  });

  test("failures make wait longer and longer, up to a bound", async ({ store, advance }) => {
    const delay = { from: 2, firstMs: 10_000, mostMs: 35_000 };
    const counters = [{ key: "user:1", limit: 100, delay }];
    for (const waitMs of [0, 10_000, 20_000, 35_000, 35_000]) {
      assert.deepEqual(await attempt(store, counters, "failed"), { allowed: true });
      const next = await attempt(store, counters, null, `probe ${waitMs}`);
      if (waitMs === 0) {
        assert.deepEqual(next, { allowed: true });
        continue;
      }
      assert.ok(!next.allowed);
      assertNear(next.retryAfterMs, waitMs);
      await advance(waitMs + 1_000);
    }
  });

  test("a limit of zero allows nothing, no counters allow everything", async ({ store }) => {
    const outcome = await attempt(store, [{ key: "closed", limit: 0 }], null);
    assert.deepEqual(outcome, { allowed: false, retryAfterMs: WINDOW_MS });
    assert.deepEqual(await attempt(store, [], "failed"), { allowed: true });
  });
}
