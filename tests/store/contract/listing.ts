/**
 * The store's contract: lists of sessions.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { SessionPage, SessionQuery, SessionStore } from "../../../src/store/port.ts";
import type { RegisterTest } from "../contract.ts";
import { listOf, openSession, revokeSession, revokeSubject } from "../fixtures.ts";

/** Registers this part. */
export function listingContract(test: RegisterTest): void {
  async function pages(
    store: SessionStore,
    query: Omit<SessionQuery, "after">,
    from: string | null = null,
  ): Promise<{ readonly sids: string[]; readonly pages: number }> {
    const sids: string[] = [];
    let after = from;
    for (let turn = 1;; turn++) {
      const page: SessionPage = await store.listSessions({ ...query, after });
      sids.push(...page.sessions.map(({ sid }) => sid));
      if (page.next === null) return { sids, pages: turn };
      assert.ok(turn < 200, "comes to an end");
      after = page.next;
    }
  }

  test("a subject's sessions come in pages, youngest first, each once", async (harness) => {
    const { store, clock, advance } = harness;
    const opened: string[] = [];
    for (let i = 0; i < 23; i++) {
      opened.unshift((await openSession(store, clock)).sid);
      // Some are born in the same millisecond.
      if (i % 4 !== 0) await advance(1);
    }
    await openSession(store, clock, { subject: "bob" });
    const whole = (await listOf(store, "alice")).map(({ sid }) => sid);
    assert.deepEqual(whole.toSorted(), opened.toSorted());
    const { sids, pages: count } = await pages(store, { subject: "alice", limit: 5 });
    assert.deepEqual(sids, whole);
    assert.ok(count >= 5);
    assert.equal(await store.countSessions("alice"), 23);
    assert.equal(await store.countSessions("nobody"), 0);
    await revokeSubject(store, "alice");
    assert.equal(await store.countSessions("alice"), 0);
    assert.deepEqual(await listOf(store, "alice"), []);
  });

  test("all sessions come in pages, each once, whoever's they are", async ({ store, clock }) => {
    const opened: string[] = [];
    for (let i = 0; i < 40; i++) {
      opened.push((await openSession(store, clock, { subject: `s${i % 7}` })).sid);
    }
    const revoked = await openSession(store, clock, { subject: "s1" });
    await revokeSession(store, revoked);
    const { sids } = await pages(store, { limit: 7 });
    assert.deepEqual(sids.toSorted(), opened.toSorted());
  });

  test("sessions are picked by group, address and when they were last seen", async (harness) => {
    const { store, clock, advance } = harness;
    const old = await openSession(store, clock, { groups: ["a", "p"], ip: "192.0.2.1" });
    await advance(10_000);
    const betweenMs = clock();
    await advance(10_000);
    const young = await openSession(store, clock, { groups: ["a", "pp"], ip: "192.0.2.2" });
    const queries: [Partial<SessionQuery>, string[]][] = [
      [{ group: "p" }, [old.sid]],
      [{ group: "pp" }, [young.sid]],
      [{ group: "none" }, []],
      [{ ip: "192.0.2.2" }, [young.sid]],
      [{ lastSeenBeforeMs: betweenMs }, [old.sid]],
      [{ group: "a", lastSeenBeforeMs: betweenMs, ip: "192.0.2.2" }, []],
    ];
    for (const [query, expected] of queries) {
      assert.deepEqual((await pages(store, { ...query, limit: 10 })).sids, expected);
      assert.deepEqual(
        (await pages(store, { ...query, subject: "alice", limit: 10 })).sids,
        expected,
      );
    }
  });

  test("a cursor that is none begins at the beginning", async ({ store, clock }) => {
    const { sid } = await openSession(store, clock);
    for (
      const after of [
        "",
        "x",
        "-1",
        "1.2.3",
        "9".repeat(20),
        "9".repeat(50),
        "'; DROP TABLE session; --",
      ]
    ) {
      for (const subject of [{}, { subject: "alice" }]) {
        assert.deepEqual((await pages(store, { ...subject, limit: 10 }, after)).sids, [sid]);
      }
    }
  });
}
