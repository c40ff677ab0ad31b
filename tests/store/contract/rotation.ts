/**
 * The store's contract: refresh tokens.
 *
 * @module
 */
import assert from "node:assert/strict";
import { v7 } from "uuid";
import type { RegisterTest } from "../contract.ts";
import {
  DENY_FOR_MS,
  generation,
  GRACE_MS,
  listOf,
  MINUTE_MS,
  openSession,
  REFRESH_TTL_SECONDS,
  revokeSession,
  rotateOnce,
  rotationOf,
  statusOf,
} from "../fixtures.ts";

/** Registers this part. */
export function rotationContract(test: RegisterTest): void {
  test("rotation puts the proposed successor in place", async ({ store, clock, advance }) => {
    const session = await openSession(store, clock);
    await advance(5 * MINUTE_MS);
    const before = clock();
    const rotation = rotationOf(clock, session);
    const outcome = await store.rotate(rotation);
    assert.ok(outcome.kind === "rotated");
    assert.deepEqual(outcome.generation, rotation.next);
    const { lastSeenAtMs } = outcome.session;
    assert.ok(lastSeenAtMs >= before && lastSeenAtMs <= clock());
    assert.deepEqual(outcome.session, {
      ...session,
      lastSeenAtMs,
      latestExp: rotation.next.accessExpiresAtSeconds,
      current: rotation.next,
    });
    assert.deepEqual(await store.readSession(session.sid), outcome.session);
  });

  test("rotation keeps a session alive past its first refresh token", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    await advance(20 * 86_400_000);
    const rotated = await rotateOnce(store, clock, session);
    await advance(20 * 86_400_000);
    assert.deepEqual(await store.readSession(session.sid), rotated);
    assert.deepEqual(await listOf(store, "alice"), [rotated]);
    await rotateOnce(store, clock, rotated);
  });

  test("no refresh token outlives the session's cap", async ({ store, clock, advance }) => {
    const capSeconds = Math.floor(clock() / 1000) + REFRESH_TTL_SECONDS + 100;
    const session = await openSession(store, clock, { capSeconds });
    await advance(200_000);
    const rotation = rotationOf(clock, session);
    const outcome = await store.rotate(rotation);
    assert.ok(outcome.kind === "rotated");
    assert.equal(outcome.generation.refreshExpiresAtSeconds, capSeconds);
    assert.equal(outcome.session.current.refreshExpiresAtSeconds, capSeconds);
    const replay = await store.rotate({ ...rotation, next: generation(clock) });
    assert.ok(replay.kind === "replayed");
    assert.equal(replay.generation.refreshExpiresAtSeconds, capSeconds);
  });

  test("rotation replaces the claims when fresh ones are given", async ({ store, clock }) => {
    const session = await openSession(store, clock);
    const claims = { scope: "read", empty: {}, list: [] };
    const rotated = await rotateOnce(store, clock, session, { claims });
    assert.deepEqual(rotated.claims, claims);
    const again = await rotateOnce(store, clock, rotated);
    assert.deepEqual(again.claims, claims);
    assert.deepEqual((await store.readSession(session.sid))?.claims, claims);
  });

  test("a spent token answers with the same successor inside the grace window", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    const rotated = await rotateOnce(store, clock, session);
    await advance(GRACE_MS - 2_000);
    const outcome = await store.rotate(rotationOf(clock, session));
    assert.deepEqual(outcome, {
      kind: "replayed",
      session: rotated,
      generation: rotated.current,
    });
    assert.deepEqual(await store.readSession(session.sid), rotated);
  });

  test("a spent token keeps its own successor when that one is spent too", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    const second = await rotateOnce(store, clock, session);
    await advance(3_000);
    const third = await rotateOnce(store, clock, second);
    const outcome = await store.rotate(rotationOf(clock, session));
    assert.deepEqual(outcome, { kind: "replayed", session: third, generation: second.current });
    await advance(GRACE_MS - 5_000);
    const later = await store.rotate(rotationOf(clock, second));
    assert.deepEqual(later, { kind: "replayed", session: third, generation: third.current });
  });

  test("the grace window starts at the rotation and replays do not prolong it", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    const second = await rotateOnce(store, clock, session);
    await rotateOnce(store, clock, second);
    await advance(6_000);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "replayed");
    await advance(6_000);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "reused");
  });

  test("a token whose successor nobody has presented answers with it at any time", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    let second = await rotateOnce(store, clock, session);
    for (const ms of [GRACE_MS + 1_000, 86_400_000, 5 * 86_400_000]) {
      await advance(ms);
      const rotation = rotationOf(clock, session);
      const outcome = await store.rotate(rotation);
      assert.ok(outcome.kind === "replayed");
      const { lastSeenAtMs, latestExp, current, ...rest } = outcome.session;
      const { accessExpiresAtSeconds, ...same } = outcome.generation;
      assert.deepEqual(current, outcome.generation);
      const { accessExpiresAtSeconds: before, ...known } = second.current;
      assert.deepEqual(same, known, "the same pair");
      // An access token that has ended would be of no use: it comes with a new life.
      const isRenewed = before <= rotation.next.issuedAtSeconds;
      assert.equal(isRenewed, ms > GRACE_MS + 1_000);
      const expected = isRenewed ? rotation.next.accessExpiresAtSeconds : before;
      assert.deepEqual([accessExpiresAtSeconds, latestExp], [expected, expected]);
      assert.deepEqual(rest.sid, session.sid);
      assert.equal(lastSeenAtMs > second.lastSeenAtMs, isRenewed);
      assert.deepEqual(await store.readSession(session.sid), outcome.session);
      const again = await store.rotate(rotationOf(clock, session));
      assert.deepEqual(again, outcome, "for all who ask");
      second = outcome.session;
    }
    // What was made anew is known when it has to be refused.
    const other = await store.revokeGroup({
      group: "another",
      denyForMs: 1,
      rememberForMs: 1,
    });
    assert.ok(other.untilMs >= second.latestExp * 1000);
    const third = await rotateOnce(store, clock, second);
    await advance(GRACE_MS + 1_000);
    assert.equal((await store.rotate(rotationOf(clock, second))).kind, "replayed");
    assert.deepEqual(await store.readSession(session.sid), third);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "reused");
  });

  test("a spent token outside the grace window revokes the session", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    const other = await openSession(store, clock);
    const second = await rotateOnce(store, clock, session);
    const rotated = await rotateOnce(store, clock, second);
    await advance(GRACE_MS + 1_000);
    const before = clock();
    const outcome = await store.rotate(rotationOf(clock, session));
    assert.ok(outcome.kind === "reused");
    assert.deepEqual(outcome.session, rotated);
    const page = await store.revocationsSince(null);
    assert.deepEqual(page.entries, [
      { kind: "session", sid: session.sid, untilMs: outcome.untilMs },
    ]);
    assert.ok(outcome.untilMs >= before + DENY_FOR_MS);

    assert.deepEqual(await store.rotate(rotationOf(clock, rotated)), { kind: "revoked" });
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "revoked" });
    assert.equal((await store.revocationsSince(page.cursor)).entries.length, 0);
    assert.equal(await store.readSession(session.sid), null);
    assert.deepEqual(await listOf(store, "alice"), [other]);
    assert.equal(await statusOf(store, rotated), "revoked");
    assert.equal(await statusOf(store, other), "live");
  });

  test("without a grace window a token whose successor was spent is reuse at once", async (harness) => {
    const { store, clock } = harness;
    const session = await openSession(store, clock);
    const second = await rotateOnce(store, clock, session, { graceMs: 0 });
    await rotateOnce(store, clock, second, { graceMs: 0 });
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "reused");
  });

  test("what is sealed stays until a rotation replaces it", async ({ store, clock }) => {
    const session = await openSession(store, clock, { sealed: "sealed 1" });
    const second = await rotateOnce(store, clock, session);
    assert.equal(second.sealed, "sealed 1");
    const third = await rotateOnce(store, clock, second, { sealed: "sealed 2" });
    assert.equal(third.sealed, "sealed 2");
    assert.equal((await store.readSession(session.sid))?.sealed, "sealed 2");
    assert.equal((await rotateOnce(store, clock, third, { sealed: null })).sealed, null);
  });

  test("an access token's life is on record, and never beyond its refresh token's", async (harness) => {
    const { store, clock } = harness;
    const session = await openSession(store, clock);
    const nowSeconds = Math.floor(clock() / 1000);
    const next = generation(clock, {
      accessExpiresAtSeconds: nowSeconds + 5_000,
      refreshExpiresAtSeconds: nowSeconds + 4_000,
    });
    const second = await rotateOnce(store, clock, session, { next });
    assert.equal(second.current.accessExpiresAtSeconds, nowSeconds + 4_000);
    assert.equal(second.latestExp, nowSeconds + 4_000);
    const third = await rotateOnce(store, clock, second);
    assert.equal(third.latestExp, nowSeconds + 4_000, "the latest that was ever minted");
    const replay = await store.rotate(rotationOf(clock, second));
    assert.ok(replay.kind === "replayed");
    assert.deepEqual(replay.generation, third.current);
  });

  test("a session is bound to one key, once", async ({ store, clock, another }) => {
    const session = await openSession(store, clock);
    const outcomes = await Promise.all(
      ["key 1", "key 2"].map((jkt, i) =>
        (i === 0 ? store : another()).bind(session.sid, { jkt, by: "dbsc" })
      ),
    );
    assert.deepEqual(outcomes.toSorted(), ["already", "bound"]);
    const jkt = outcomes[0] === "bound" ? "key 1" : "key 2";
    assert.equal(await store.bind(session.sid, { jkt, by: "dbsc" }), "bound", "asked again");
    assert.deepEqual((await store.readSession(session.sid))?.bound, { jkt, by: "dbsc" });
    const rotated = await rotateOnce(store, clock, session, { jkt });
    assert.deepEqual(rotated.bound, { jkt, by: "dbsc" });
    await revokeSession(store, session);
    assert.equal(await store.bind(session.sid, { jkt, by: "dbsc" }), "gone");
    assert.equal(await store.bind(v7(), { jkt, by: "script" }), "gone");
    const born = await openSession(store, clock, { bound: { jkt: "k", by: "dpop" } });
    assert.deepEqual(await store.readSession(born.sid), born);
    assert.equal(await store.bind(born.sid, { jkt: "other", by: "dpop" }), "already");
  });

  test("a bound session is rotated for its key alone, and others spend nothing", async (harness) => {
    const { store, clock, advance } = harness;
    const bound = { jkt: "key 1", by: "dbsc" } as const;
    const first = await openSession(store, clock);
    const second = await rotateOnce(store, clock, first);
    // Bound with a spent token about that may answer again, and a live one: neither does.
    assert.equal(await store.bind(first.sid, bound), "bound");
    const before = await store.readSession(first.sid);
    for (const presented of [first, second]) {
      for (const jkt of [null, "", "key", "key 12", "dbsc key 1"]) {
        const outcome = await store.rotate(rotationOf(clock, presented, { jkt }));
        assert.deepEqual(outcome, { kind: "unproven", bound });
      }
    }
    assert.deepEqual(await store.readSession(first.sid), before);
    const third = await rotateOnce(store, clock, second, { jkt: "key 1" });
    assert.deepEqual(third.bound, bound);
    const replay = await store.rotate(rotationOf(clock, second, { jkt: "key 1" }));
    assert.equal(replay.kind, "replayed");
    await advance(GRACE_MS + 1_000);
    // Not even reuse is told: whoever has copied a spent token ends nobody's session with it.
    assert.equal((await store.rotate(rotationOf(clock, first))).kind, "unproven");
    assert.deepEqual(await statusOf(store, third), "live");
    assert.equal((await store.rotate(rotationOf(clock, first, { jkt: "key 1" }))).kind, "reused");
    assert.equal((await store.rotate(rotationOf(clock, third))).kind, "revoked");
    assert.equal(
      (await store.rotate(rotationOf(clock, third, { subject: "mallory" }))).kind,
      "unknown",
    );
    const free = await openSession(store, clock);
    await rotateOnce(store, clock, free, { jkt: "any key" });
  });

  test("what was sealed while a session was being bound is kept, with the live token", async (harness) => {
    const { store, clock } = harness;
    const session = await openSession(store, clock, { sealed: "sealed 1" });
    const second = await rotateOnce(store, clock, session);
    await store.bind(session.sid, { jkt: "key", by: "dbsc" });
    const refused = { jkt: null, claims: { scope: "other" } };
    const late = await store.rotate(rotationOf(clock, session, { ...refused, sealed: "late" }));
    assert.equal(late.kind, "unproven");
    assert.equal((await store.readSession(session.sid))?.sealed, "sealed 1");
    const live = await store.rotate(rotationOf(clock, second, { ...refused, sealed: "sealed 2" }));
    assert.equal(live.kind, "unproven");
    const record = await store.readSession(session.sid);
    const bound = { jkt: "key", by: "dbsc" } as const;
    assert.deepEqual(record, { ...second, bound, sealed: "sealed 2" });
    assert.equal((await rotateOnce(store, clock, second, { jkt: "key" })).sealed, "sealed 2");
  });

  test("of a binding and rotations without its key at once, none comes after it", async (harness) => {
    const { store, clock, another } = harness;
    const second = another();
    for (let round = 0; round < 5; round++) {
      const session = await openSession(store, clock);
      const steal = (from: typeof store) => from.rotate(rotationOf(clock, session));
      const [, binding, ...rest] = await Promise.all([
        steal(store),
        second.bind(session.sid, { jkt: "key", by: "dbsc" }),
        steal(second),
        steal(store),
      ]);
      assert.equal(binding, "bound");
      const live = (await store.readSession(session.sid))?.current.refreshJti;
      for (const outcome of rest) {
        assert.ok(["rotated", "replayed", "unproven"].includes(outcome.kind), outcome.kind);
        if ("generation" in outcome) assert.equal(outcome.generation.refreshJti, live);
      }
      const after = await store.rotate(rotationOf(clock, session));
      assert.equal(after.kind, "unproven", "not even a replay");
    }
  });

  test("a rotation whose answer was lost can be repeated, even without a grace window", async (harness) => {
    const { store, clock, advance } = harness;
    for (const graceMs of [0, GRACE_MS]) {
      const session = await openSession(store, clock);
      const rotation = rotationOf(clock, session, { graceMs });
      const first = await store.rotate(rotation);
      await advance(GRACE_MS + 5_000);
      const second = await store.rotate(rotation);
      assert.ok(first.kind === "rotated" && second.kind === "replayed");
      assert.deepEqual(second.generation, first.generation);
      assert.deepEqual(second.session, first.session);
    }
  });

  test("concurrent exchanges of one token, on two instances, yield one successor", async (harness) => {
    const { store, clock } = harness;
    const stores = [store, harness.another(), harness.another()];
    for (let round = 0; round < 5; round++) {
      const session = await openSession(store, clock);
      const outcomes = await Promise.all(
        Array.from({ length: 30 }, (_, i) => {
          const chosen = stores[i % stores.length] ?? store;
          return chosen.rotate(rotationOf(clock, session));
        }),
      );
      const rotated = outcomes.filter(({ kind }) => kind === "rotated");
      const replayed = outcomes.filter(({ kind }) => kind === "replayed");
      assert.deepEqual([rotated.length, replayed.length], [1, 29]);
      const successors = new Set(
        outcomes.map((outcome) => "generation" in outcome ? outcome.generation.refreshJti : ""),
      );
      assert.equal(successors.size, 1);
    }
  });

  test("a revocation among concurrent rotations is never undone", async ({ store, clock, another }) => {
    const second = another();
    for (let round = 0; round < 10; round++) {
      const session = await openSession(store, clock);
      await Promise.all([
        store.rotate(rotationOf(clock, session)),
        revokeSession(second, session),
        store.rotate(rotationOf(clock, session)),
        second.rotate(rotationOf(clock, session)),
      ]);
      assert.equal(await statusOf(store, session), "revoked");
      assert.equal((await store.rotate(rotationOf(clock, session))).kind, "revoked");
      assert.equal(await store.readSession(session.sid), null);
    }
  });

  test("a token with another subject than the session's finds no session", async (harness) => {
    const { store, clock } = harness;
    const session = await openSession(store, clock);
    const outcome = await store.rotate(rotationOf(clock, session, { subject: "mallory" }));
    assert.deepEqual(outcome, { kind: "unknown" });
    const { sid } = session;
    const status = await statusOf(store, { ...session, subject: "mallory" });
    assert.equal(status, "unknown");
    assert.deepEqual(await store.readSession(sid), session);
  });
}
