/**
 * The contract of the session store port: every adapter passes this suite.
 *
 * @module
 */
import assert from "node:assert/strict";
import { v4, v7 } from "uuid";
import type { Clock } from "../../src/base/clock.ts";
import { StoreUnavailableError } from "../../src/base/errors.ts";
import type { Revocation, SessionStore } from "../../src/store/port.ts";
import {
  DENY_FOR_MS,
  generation,
  GRACE_MS,
  newSession,
  openSession,
  REFRESH_TTL_SECONDS,
  REMEMBER_FOR_MS,
  rotateOnce,
  rotationOf,
} from "./fixtures.ts";

/** A fresh, empty store and the time it lives in. */
export interface StoreHarness {
  readonly store: SessionStore;
  /** Another instance of the adapter on the same data, as a second gateway has it. */
  another(): SessionStore;
  readonly clock: Clock;
  /** Lets time pass, for the adapters and for what the store lets expire by itself. */
  advance(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/** Makes a {@link StoreHarness}. */
export type CreateHarness = () => Promise<StoreHarness>;

const MINUTE_MS = 60_000;
const WINDOW_MS = 15 * MINUTE_MS;

/** Registers the suite for one adapter. */
export function describeStore(name: string, create: CreateHarness): void {
  function test(behaviour: string, body: (harness: StoreHarness) => Promise<void>): void {
    Deno.test(`${name}: ${behaviour}`, async () => {
      const harness = await create();
      try {
        await body(harness);
      } finally {
        await harness.dispose();
      }
    });
  }

  // ---- sign-in and reading ------------------------------------------------

  test("an opened session is read back as it was recorded", async ({ store, clock }) => {
    const session = newSession(clock);
    assert.deepEqual(await store.open(session), { kind: "opened" });
    assert.deepEqual(await store.readSession(session.sid), {
      ...session,
      lastSeenAtMs: session.createdAtMs,
    });
    assert.equal(
      await store.tokenStatus({
        sid: session.sid,
        subject: session.subject,
        jti: session.current.accessJti,
      }),
      "live",
    );
  });

  test("subjects with any characters are kept apart", async ({ store, clock }) => {
    const subjects = ["a", "a:b", "a:b:c", "*", "日本", "x\ny", '"quoted"', "\\", " "];
    for (const subject of subjects) await openSession(store, clock, { subject });
    await store.revokeSubject({
      subject: "a:b",
      denyForMs: DENY_FOR_MS,
      rememberForMs: REMEMBER_FOR_MS,
    });
    for (const subject of subjects) {
      const listed = await store.listSessions(subject);
      assert.deepEqual(
        listed.map((session) => session.subject),
        subject === "a:b" ? [] : [subject],
      );
    }
    assert.deepEqual((await store.revocationsSince(null)).entries.map((entry) => entry.kind), [
      "subject",
    ]);
  });

  test("a repeated sign-in call changes nothing, and revives nothing", async ({ store, clock }) => {
    const session = newSession(clock);
    await store.open(session);
    assert.deepEqual(await store.open(session), { kind: "opened" });
    await revokeSession(store, session);
    await store.open(session);
    assert.equal(await store.readSession(session.sid), null);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "revoked");
  });

  test("an unknown session is nothing to read, list or rotate", async ({ store, clock }) => {
    const session = newSession(clock);
    assert.equal(await store.readSession(session.sid), null);
    assert.deepEqual(await store.listSessions("alice"), []);
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "unknown" });
    assert.equal(
      await store.tokenStatus({ sid: session.sid, subject: "alice", jti: v4() }),
      "unknown",
    );
  });

  test("sessions are listed youngest first, without what is revoked or gone", async (harness) => {
    const { store, clock, advance } = harness;
    const short = generation(clock, {
      refreshExpiresAtSeconds: Math.floor(clock() / 1000) + 30,
    });
    await openSession(store, clock, { current: short });
    await advance(1000);
    const first = await openSession(store, clock);
    await advance(1000);
    const second = await openSession(store, clock);
    await advance(1000);
    const revoked = await openSession(store, clock);
    await openSession(store, clock, { subject: "bob" });
    await revokeSession(store, revoked);
    assert.equal((await store.listSessions("alice")).length, 3);

    await advance(31_000);
    const sids = (await store.listSessions("alice")).map(({ sid }) => sid);
    assert.deepEqual(sids, [second.sid, first.sid]);
    await advance(2 * MINUTE_MS);
    assert.deepEqual((await store.listSessions("alice")).map(({ sid }) => sid), sids);
  });

  test("a session goes when its refresh token has expired", async ({ store, clock, advance }) => {
    const session = await openSession(store, clock);
    await advance(REFRESH_TTL_SECONDS * 1000 - 5_000);
    assert.notEqual(await store.readSession(session.sid), null);
    await advance(10_000);
    assert.equal(await store.readSession(session.sid), null);
    assert.deepEqual(await store.listSessions("alice"), []);
    await advance(2 * MINUTE_MS);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "unknown");
    assert.equal(
      await store.tokenStatus({ sid: session.sid, subject: "alice", jti: v4() }),
      "unknown",
    );
  });

  // ---- rotation ----------------------------------------------------------

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
    assert.deepEqual(outcome.session, { ...session, lastSeenAtMs, current: rotation.next });
    assert.deepEqual(await store.readSession(session.sid), outcome.session);
  });

  test("rotation keeps a session alive past its first refresh token", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    await advance(20 * 86_400_000);
    const rotated = await rotateOnce(store, clock, session);
    await advance(20 * 86_400_000);
    assert.deepEqual(await store.readSession(session.sid), rotated);
    assert.deepEqual(await store.listSessions("alice"), [rotated]);
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
    await rotateOnce(store, clock, session);
    await advance(6_000);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "replayed");
    await advance(6_000);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "reused");
  });

  test("a spent token outside the grace window revokes the session", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    const other = await openSession(store, clock);
    const rotated = await rotateOnce(store, clock, session);
    await advance(GRACE_MS + 1_000);
    const before = clock();
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), {
      kind: "reused",
      session: rotated,
    });
    const page = await store.revocationsSince(null);
    const [entry] = page.entries;
    assert.ok(entry?.kind === "session" && page.entries.length === 1);
    assert.equal(entry.sid, session.sid);
    assert.ok(entry.untilMs >= before + DENY_FOR_MS && entry.untilMs <= clock() + DENY_FOR_MS);

    assert.deepEqual(await store.rotate(rotationOf(clock, rotated)), { kind: "revoked" });
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "revoked" });
    assert.equal((await store.revocationsSince(page.cursor)).entries.length, 0);
    assert.equal(await store.readSession(session.sid), null);
    assert.deepEqual(await store.listSessions("alice"), [other]);
    assert.equal(await statusOf(store, rotated), "revoked");
    assert.equal(await statusOf(store, other), "live");
  });

  test("without a grace window a spent token is reuse at once", async ({ store, clock }) => {
    const session = await openSession(store, clock);
    await rotateOnce(store, clock, session, { graceMs: 0 });
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "reused");
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
    const { sid, current } = session;
    const status = await store.tokenStatus({ sid, subject: "mallory", jti: current.accessJti });
    assert.equal(status, "unknown");
    assert.deepEqual(await store.readSession(sid), session);
  });

  // ---- revocation --------------------------------------------------------

  test("revoking a session ends it and tells everybody, once", async ({ store, clock }) => {
    const session = await openSession(store, clock);
    assert.equal(await revokeSession(store, session), "revoked");
    assert.equal(await revokeSession(store, session), "already_revoked");
    assert.equal(await revokeSession(store, session, { mustExist: true }), "already_revoked");
    assert.equal(await store.readSession(session.sid), null);
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "revoked" });
    assert.equal(await statusOf(store, session), "revoked");
    const { entries } = await store.revocationsSince(null);
    assert.deepEqual(entries.map(nameOfRevocation), [`session ${session.sid}`]);
  });

  test("a revoked session is remembered until its refresh token expires", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    await revokeSession(store, session);
    await advance(REFRESH_TTL_SECONDS * 1000 - 5_000);
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "revoked" });
    await advance(2 * MINUTE_MS);
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "unknown" });
  });

  test("only the subject's own, existing session can be picked for revocation", async (harness) => {
    const { store, clock } = harness;
    const session = await openSession(store, clock);
    const foreign = await revokeSession(store, { ...session, subject: "mallory" }, {
      mustExist: true,
    });
    const absent = await revokeSession(store, newSession(clock), { mustExist: true });
    assert.deepEqual([foreign, absent], ["not_found", "not_found"]);
    assert.deepEqual((await store.revocationsSince(null)).entries, []);
    assert.deepEqual(await store.readSession(session.sid), session);
  });

  test("revoking a session whose record is gone still turns its tokens away", async (harness) => {
    const { store, clock } = harness;
    const gone = newSession(clock);
    assert.equal(await revokeSession(store, gone), "revoked");
    assert.equal(await revokeSession(store, gone), "already_revoked");
    assert.equal(await statusOf(store, gone), "revoked");
    const { entries } = await store.revocationsSince(null);
    assert.deepEqual(entries.map(nameOfRevocation), [`session ${gone.sid}`]);
  });

  test("revoking a subject ends all its sessions and lets younger ones in", async (harness) => {
    const { store, clock, advance } = harness;
    const first = await openSession(store, clock);
    const second = await rotateOnce(store, clock, await openSession(store, clock));
    const bob = await openSession(store, clock, { subject: "bob" });
    const before = clock();
    const { notAfterMs } = await revokeSubject(store, "alice");
    assert.ok(notAfterMs >= before && notAfterMs <= clock());

    for (const session of [first, second]) {
      assert.equal(await store.readSession(session.sid), null);
      assert.equal(await statusOf(store, session), "revoked");
      assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "revoked" });
      assert.equal(await revokeSession(store, session), "already_revoked");
    }
    assert.deepEqual(await store.listSessions("alice"), []);
    assert.deepEqual(await store.listSessions("bob"), [bob]);
    const [entry, ...rest] = (await store.revocationsSince(null)).entries;
    assert.ok(entry?.kind === "subject" && rest.length === 0);
    assert.deepEqual([entry.subject, entry.notAfterMs], ["alice", notAfterMs]);

    await advance(1_000);
    const young = await openSession(store, clock);
    assert.deepEqual(await store.listSessions("alice"), [young]);
    assert.equal(await statusOf(store, young), "live");
    await rotateOnce(store, clock, young);
  });

  test("a sign-in that is older than the subject's revocation is superseded", async (harness) => {
    const { store, clock } = harness;
    const late = newSession(clock);
    const { notAfterMs } = await revokeSubject(store, "alice");
    assert.deepEqual(await store.open(late), { kind: "superseded", notAfterMs });
    assert.deepEqual(await store.open({ ...late, createdAtMs: notAfterMs }), {
      kind: "superseded",
      notAfterMs,
    });
    assert.equal(await store.readSession(late.sid), null);
    assert.deepEqual(await store.open({ ...late, createdAtMs: notAfterMs + 1 }), {
      kind: "opened",
    });
  });

  test("revoking a subject reaches sessions of a clock that runs ahead", async (harness) => {
    const { store, clock } = harness;
    const ahead = await openSession(store, clock, { createdAtMs: clock() + 4_000 });
    const { notAfterMs } = await revokeSubject(store, "alice");
    assert.equal(notAfterMs, ahead.createdAtMs);
    assert.equal(await statusOf(store, ahead), "revoked");
    assert.equal((await revokeSubject(store, "alice")).notAfterMs, notAfterMs);
  });

  test("a subject's revocation is remembered as long as it was asked to be", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    await revokeSubject(store, "alice");
    await store.revokeSubject({ subject: "alice", denyForMs: 1000, rememberForMs: 1000 });
    await advance(REFRESH_TTL_SECONDS * 1000 - 5_000);
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "revoked" });
    await advance(5 * MINUTE_MS);
    assert.deepEqual(await store.open(newSession(clock, { createdAtMs: session.createdAtMs })), {
      kind: "opened",
    });
  });

  test("a single token can be revoked until it expires", async ({ store, clock, advance }) => {
    const session = await openSession(store, clock);
    const untilMs = clock() + 10 * MINUTE_MS;
    const { accessJti } = session.current;
    await store.revokeToken({ jti: accessJti, untilMs });
    await store.revokeToken({ jti: accessJti, untilMs });
    assert.equal(await statusOf(store, session), "revoked");
    assert.equal(
      await store.tokenStatus({ sid: session.sid, subject: "alice", jti: v4() }),
      "live",
    );
    assert.deepEqual((await store.revocationsSince(null)).entries, [
      { kind: "token", jti: accessJti, untilMs },
    ]);
    await advance(11 * MINUTE_MS);
    assert.equal(await statusOf(store, session), "live");
    assert.deepEqual((await store.revocationsSince(null)).entries, []);
  });

  test("revoking an expired token is nothing", async ({ store, clock }) => {
    await store.revokeToken({ jti: v4(), untilMs: clock() - 1 });
    assert.deepEqual((await store.revocationsSince(null)).entries, []);
  });

  // ---- the feed ----------------------------------------------------------

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
    await advance(10 * MINUTE_MS);
    await store.revokeToken({ jti: "third", untilMs: clock() + MINUTE_MS });
    const page = await store.revocationsSince(cursor);
    assert.deepEqual([page.entries.map(nameOfRevocation), page.reset], [["token third"], false]);
    assert.deepEqual((await store.revocationsSince(null)).entries, page.entries);
    await advance(10 * MINUTE_MS);
    const later = await store.revocationsSince(page.cursor);
    assert.deepEqual([later.entries, later.reset], [[], false]);
  });

  test("a living entry is never cut off, whatever expires around it", async (harness) => {
    const { store, clock, advance } = harness;
    await store.revokeToken({ jti: "long", untilMs: clock() + 60 * MINUTE_MS });
    for (let i = 0; i < 5; i++) {
      await store.revokeToken({ jti: `short ${i}`, untilMs: clock() + MINUTE_MS });
      await advance(3 * MINUTE_MS);
    }
    const { entries } = await store.revocationsSince(null);
    assert.deepEqual(entries.map(nameOfRevocation), ["token long"]);
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

  // ---- strict asks -------------------------------------------------------

  test("many asks at once each get their own answer", async ({ store, clock }) => {
    const sessions = await Promise.all(
      Array.from({ length: 40 }, (_, i) => openSession(store, clock, { subject: `s${i}` })),
    );
    await Promise.all(
      sessions.filter((_, i) => i % 3 === 0).map((session) => revokeSession(store, session)),
    );
    const asked = sessions.map((session, i) => i % 5 === 4 ? { ...session, sid: v7() } : session);
    const answers = await Promise.all(asked.map((session) => statusOf(store, session)));
    assert.deepEqual(
      answers,
      sessions.map((_, i) => i % 5 === 4 ? "unknown" : i % 3 === 0 ? "revoked" : "live"),
    );
  });

  // ---- attempts ----------------------------------------------------------

  test("attempts are allowed up to the limit, then after the window", async (harness) => {
    const { store, advance } = harness;
    const counters = [{ key: "user:1", limit: 3 }];
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await store.countAttempt(counters, WINDOW_MS), { allowed: true });
      await advance(MINUTE_MS);
    }
    const full = await store.countAttempt(counters, WINDOW_MS);
    assert.ok(!full.allowed);
    // The window began with the first attempt, three minutes ago.
    assertNear(full.retryAfterMs, WINDOW_MS - 3 * MINUTE_MS);
    await advance(WINDOW_MS - 4 * MINUTE_MS);
    const still = await store.countAttempt(counters, WINDOW_MS);
    assert.ok(!still.allowed);
    await advance(2 * MINUTE_MS);
    assert.deepEqual(await store.countAttempt(counters, WINDOW_MS), { allowed: true });
  });

  test("an attempt is taken from every counter or from none", async ({ store }) => {
    const narrow = { key: "user:1", limit: 1 };
    const wide = { key: "address:1", limit: 3 };
    assert.equal((await store.countAttempt([narrow, wide], WINDOW_MS)).allowed, true);
    for (let i = 0; i < 5; i++) {
      assert.equal((await store.countAttempt([narrow, wide], WINDOW_MS)).allowed, false);
      assert.equal((await store.countAttempt([wide, narrow], WINDOW_MS)).allowed, false);
    }
    assert.equal((await store.countAttempt([wide], WINDOW_MS)).allowed, true);
    assert.equal((await store.countAttempt([wide], WINDOW_MS)).allowed, true);
    assert.equal((await store.countAttempt([wide], WINDOW_MS)).allowed, false);
  });

  test("the wait is that of the counter that stays full longest", async ({ store, advance }) => {
    await store.countAttempt([{ key: "early", limit: 1 }], WINDOW_MS);
    await advance(5 * MINUTE_MS);
    await store.countAttempt([{ key: "late", limit: 1 }], WINDOW_MS);
    const outcome = await store.countAttempt(
      [{ key: "early", limit: 1 }, { key: "late", limit: 1 }, { key: "free", limit: 1 }],
      WINDOW_MS,
    );
    assert.ok(!outcome.allowed);
    assertNear(outcome.retryAfterMs, WINDOW_MS);
  });

  test("parallel attempts find no gap", async ({ store, another }) => {
    const stores = [store, another()];
    const outcomes = await Promise.all(
      Array.from(
        { length: 30 },
        (_, i) => (stores[i % 2] ?? store).countAttempt([{ key: "user:1", limit: 10 }], WINDOW_MS),
      ),
    );
    assert.equal(outcomes.filter(({ allowed }) => allowed).length, 10);
  });

  test("a refund gives one attempt back, never below none", async ({ store }) => {
    const counters = [{ key: "user:1", limit: 2 }];
    await store.refundAttempt(["user:1", "never counted"]);
    await store.countAttempt(counters, WINDOW_MS);
    await store.refundAttempt(["user:1"]);
    await store.refundAttempt(["user:1"]);
    await store.refundAttempt([]);
    assert.equal((await store.countAttempt(counters, WINDOW_MS)).allowed, true);
    assert.equal((await store.countAttempt(counters, WINDOW_MS)).allowed, true);
    assert.equal((await store.countAttempt(counters, WINDOW_MS)).allowed, false);
    await store.refundAttempt(["user:1"]);
    assert.equal((await store.countAttempt(counters, WINDOW_MS)).allowed, true);
    assert.equal((await store.countAttempt(counters, WINDOW_MS)).allowed, false);
  });

  test("a refund does not move the window", async ({ store, advance }) => {
    const counters = [{ key: "user:1", limit: 2 }];
    await store.countAttempt(counters, WINDOW_MS);
    await advance(10 * MINUTE_MS);
    await store.countAttempt(counters, WINDOW_MS);
    await store.refundAttempt(["user:1"]);
    await store.countAttempt(counters, WINDOW_MS);
    const full = await store.countAttempt(counters, WINDOW_MS);
    assert.ok(!full.allowed);
    assertNear(full.retryAfterMs, 5 * MINUTE_MS);
  });

  test("a limit of zero allows nothing", async ({ store }) => {
    const outcome = await store.countAttempt([{ key: "closed", limit: 0 }], WINDOW_MS);
    assert.deepEqual(outcome, { allowed: false, retryAfterMs: WINDOW_MS });
  });

  test("no counters allow everything", async ({ store }) => {
    assert.deepEqual(await store.countAttempt([], WINDOW_MS), { allowed: true });
  });

  // ---- life of the adapter -------------------------------------------------

  test("probing a good store finds nothing to warn of", async ({ store }) => {
    assert.deepEqual(await store.probe(), []);
  });

  test("a closed store refuses every operation", async ({ store, clock }) => {
    const session = newSession(clock);
    await store.close();
    await store.close();
    const operations: (() => Promise<unknown>)[] = [
      () => store.open(session),
      () => store.rotate(rotationOf(clock, session)),
      () => revokeSession(store, session),
      () => revokeSubject(store, "alice"),
      () => store.revokeToken({ jti: "x", untilMs: clock() + 1000 }),
      () => store.revocationsSince(null),
      () => statusOf(store, session),
      () => store.readSession(session.sid),
      () => store.listSessions("alice"),
      () => store.countAttempt([{ key: "x", limit: 1 }], WINDOW_MS),
      () => store.refundAttempt(["x"]),
      () => store.probe(),
    ];
    for (const operation of operations) await assert.rejects(operation, StoreUnavailableError);
  });
}

function revokeSession(
  store: SessionStore,
  { sid, subject }: { readonly sid: string; readonly subject: string },
  { mustExist = false } = {},
) {
  return store.revokeSession({ sid, subject, denyForMs: DENY_FOR_MS, mustExist });
}

function revokeSubject(store: SessionStore, subject: string) {
  return store.revokeSubject({ subject, denyForMs: DENY_FOR_MS, rememberForMs: REMEMBER_FOR_MS });
}

function statusOf(
  store: SessionStore,
  { sid, subject, current }: {
    readonly sid: string;
    readonly subject: string;
    readonly current: { readonly accessJti: string };
  },
) {
  return store.tokenStatus({ sid, subject, jti: current.accessJti });
}

function nameOfRevocation(revocation: Revocation): string {
  switch (revocation.kind) {
    case "session":
      return `session ${revocation.sid}`;
    case "token":
      return `token ${revocation.jti}`;
    case "subject":
      return `subject ${revocation.subject}`;
  }
}

/** Real time passes while a test runs: allow it a good part of a minute. */
function assertNear(actualMs: number, expectedMs: number): void {
  assert.ok(
    actualMs <= expectedMs && actualMs > expectedMs - 30_000,
    `${actualMs} ms is not near ${expectedMs} ms`,
  );
}
