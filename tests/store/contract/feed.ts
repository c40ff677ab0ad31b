/**
 * The store's contract: the feed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { v4 } from "uuid";
import { CLOCK_SLACK_MS } from "../../../src/store/rules.ts";
import type { CreateHarness, RegisterTest } from "../contract.ts";
import { MINUTE_MS, nameOfRevocation, openSession, revokeSession, statusOf } from "../fixtures.ts";

/** Registers this part. */
export function feedContract(test: RegisterTest, create: CreateHarness): void {
  test("an empty feed has a stable cursor, behind which the first entry is found", async (harness) => {
    const { store, clock } = harness;
    const empty = await store.revocationsSince(null);
    assert.deepEqual([empty.entries, empty.reset, empty.more], [[], false, false]);
    const again = await store.revocationsSince(empty.cursor);
    assert.deepEqual(again, empty);
    const session = await openSession(store, clock);
    await revokeSession(store, session);
    const page = await store.revocationsSince(empty.cursor);
    assert.deepEqual(page.entries.map(nameOfRevocation), [`session ${session.sid}`]);
    assert.deepEqual([page.reset, page.more], [false, false]);
  });

  test("the feed gives each entry once, in order, to every reader", async ({ store, clock, another }) => {
    const reader = another();
    let cursor: string | null = null;
    const seen: string[] = [];
    const written: string[] = [];
    for (let i = 0; i < 12; i++) {
      for (let j = 0; j <= i % 3; j++) {
        const jti = v4();
        written.push(`token ${jti}`);
        await store.revokeToken({ jti, untilMs: clock() + MINUTE_MS });
      }
      const page = await reader.revocationsSince(cursor);
      assert.equal(page.reset, false);
      seen.push(...page.entries.map(nameOfRevocation));
      cursor = page.cursor;
      assert.equal((await reader.revocationsSince(cursor)).cursor, cursor);
    }
    assert.deepEqual(seen, written);
    const all = await store.revocationsSince(null);
    assert.deepEqual(all.entries.map(nameOfRevocation), written);
    assert.equal(all.cursor, cursor);
  });

  test("entries leave the feed when they have expired, and cursors go on", async (harness) => {
    const { store, clock, advance } = harness;
    await store.revokeToken({ jti: "first", untilMs: clock() + MINUTE_MS });
    const { cursor } = await store.revocationsSince(null);
    await store.revokeToken({ jti: "second", untilMs: clock() + MINUTE_MS });
    await advance(CLOCK_SLACK_MS + 10 * MINUTE_MS);
    await store.revokeToken({ jti: "third", untilMs: clock() + MINUTE_MS });
    const page = await store.revocationsSince(cursor);
    assert.deepEqual([page.entries.map(nameOfRevocation), page.reset], [["token third"], false]);
    assert.deepEqual((await store.revocationsSince(null)).entries, page.entries);
    await advance(CLOCK_SLACK_MS + 10 * MINUTE_MS);
    const later = await store.revocationsSince(page.cursor);
    assert.deepEqual([later.entries, later.reset], [[], false]);
  });

  test("a living entry is never cut off, whatever expires around it", async (harness) => {
    const { store, clock, advance } = harness;
    await store.revokeToken({ jti: "long", untilMs: clock() + 60 * MINUTE_MS });
    const long = await store.revocationsSince(null);
    for (let i = 0; i < 5; i++) {
      await store.revokeToken({ jti: `short ${i}`, untilMs: clock() + MINUTE_MS });
      await advance(3 * MINUTE_MS);
    }
    const { entries } = await store.revocationsSince(null);
    assert.deepEqual(entries[0], long.entries[0]);
  });

  test("a long feed comes in pages and nothing is lost between them", async ({ store, clock }) => {
    const total = 5_003;
    const untilMs = clock() + 30 * MINUTE_MS;
    for (let done = 0; done < total; done += 100) {
      const count = Math.min(100, total - done);
      await Promise.all(
        Array.from({ length: count }, (_, i) => store.revokeToken({ jti: `${done + i}`, untilMs })),
      );
    }
    const first = await store.revocationsSince(null);
    assert.deepEqual([first.entries.length, first.more, first.reset], [5_000, true, false]);
    const second = await store.revocationsSince(first.cursor);
    assert.deepEqual([second.entries.length, second.more, second.reset], [3, false, false]);
    const names = new Set([...first.entries, ...second.entries].map(nameOfRevocation));
    assert.equal(names.size, total);
    assert.deepEqual((await store.revocationsSince(second.cursor)).entries, []);
  });

  test("a cursor of another store is answered with everything", async ({ store, clock }) => {
    await store.revokeToken({ jti: "known", untilMs: clock() + MINUTE_MS });
    const other = await create();
    try {
      for (let i = 0; i < 3; i++) {
        await other.store.revokeToken({ jti: `x${i}`, untilMs: clock() + MINUTE_MS });
      }
      const foreign = await other.store.revocationsSince(null);
      for (const cursor of [foreign.cursor, "garbage", "", "..", `${foreign.cursor}9`]) {
        const page = await store.revocationsSince(cursor);
        assert.deepEqual([page.entries.map(nameOfRevocation), page.reset], [["token known"], true]);
        assert.equal((await store.revocationsSince(page.cursor)).reset, false);
      }
    } finally {
      await other.dispose();
    }
  });

  test("reading the feed of an emptied store resets once", async ({ store, clock }) => {
    const other = await create();
    try {
      await other.store.revokeToken({ jti: "x", untilMs: clock() + MINUTE_MS });
      const { cursor } = await other.store.revocationsSince(null);
      const page = await store.revocationsSince(cursor);
      assert.deepEqual([page.entries, page.reset, page.more], [[], true, false]);
      assert.equal((await store.revocationsSince(page.cursor)).reset, false);
      await store.revokeToken({ jti: "news", untilMs: clock() + MINUTE_MS });
      const next = await store.revocationsSince(page.cursor);
      assert.deepEqual(next.entries.map(nameOfRevocation), ["token news"]);
    } finally {
      await other.dispose();
    }
  });

  test("a revocation on one instance is seen by another at once", async ({ store, clock, another }) => {
    const second = another();
    const session = await openSession(store, clock);
    const { cursor } = await second.revocationsSince(null);
    await revokeSession(store, session);
    const page = await second.revocationsSince(cursor);
    assert.deepEqual(page.entries.map(nameOfRevocation), [`session ${session.sid}`]);
    assert.equal(await statusOf(second, session), "revoked");
  });
}
