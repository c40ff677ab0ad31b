/**
 * The store's contract: sign-in and reading.
 *
 * @module
 */
import assert from "node:assert/strict";
import { v4 } from "uuid";
import { recordOf } from "../../../src/store/rules.ts";
import type { RegisterTest } from "../contract.ts";
import {
  generation,
  LIMITS,
  listOf,
  MINUTE_MS,
  newSession,
  OPENED,
  openSession,
  REFRESH_TTL_SECONDS,
  revokeSession,
  revokeSubject,
  rotationOf,
  statusOf,
} from "../fixtures.ts";

/** Registers this part. */
export function sessionsContract(test: RegisterTest): void {
  test("an opened session is read back as it was recorded", async ({ store, clock }) => {
    const session = newSession(clock);
    assert.deepEqual(await store.open(session, LIMITS), OPENED);
    assert.deepEqual(await store.readSession(session.sid), recordOf(session));
    assert.equal(
      await statusOf(store, session),
      "live",
    );
  });

  test("subjects with any characters are kept apart", async ({ store, clock }) => {
    const subjects = ["a", "a:b", "a:b:c", "*", "日本", "x\ny", '"quoted"', "\\", " "];
    for (const subject of subjects) await openSession(store, clock, { subject });
    await revokeSubject(store, "a:b");
    for (const subject of subjects) {
      const listed = await listOf(store, subject);
      assert.deepEqual(
        listed.map((session) => session.subject),
        subject === "a:b" ? [] : [subject],
      );
    }
    assert.deepEqual((await store.revocationsSince(null)).entries.map((entry) => entry.kind), [
      "group",
    ]);
  });

  test("a repeated sign-in call changes nothing, and revives nothing", async ({ store, clock }) => {
    const session = newSession(clock);
    await store.open(session, LIMITS);
    assert.deepEqual(await store.open(session, LIMITS), OPENED);
    await revokeSession(store, session);
    await store.open(session, LIMITS);
    assert.equal(await store.readSession(session.sid), null);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "revoked");
  });

  test("an unknown session is nothing to read, list or rotate", async ({ store, clock }) => {
    const session = newSession(clock);
    assert.equal(await store.readSession(session.sid), null);
    assert.deepEqual(await listOf(store, "alice"), []);
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "unknown" });
    assert.equal(
      await statusOf(store, session, { jti: v4() }),
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
    assert.equal((await listOf(store, "alice")).length, 3);

    await advance(31_000);
    const sids = (await listOf(store, "alice")).map(({ sid }) => sid);
    assert.deepEqual(sids, [second.sid, first.sid]);
    await advance(2 * MINUTE_MS);
    assert.deepEqual((await listOf(store, "alice")).map(({ sid }) => sid), sids);
  });

  test("a session goes when its refresh token has expired", async ({ store, clock, advance }) => {
    const session = await openSession(store, clock);
    await advance(REFRESH_TTL_SECONDS * 1000 - 5_000);
    assert.notEqual(await store.readSession(session.sid), null);
    await advance(10_000);
    assert.equal(await store.readSession(session.sid), null);
    assert.deepEqual(await listOf(store, "alice"), []);
    await advance(2 * MINUTE_MS);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "unknown");
    assert.equal(
      await statusOf(store, session, { jti: v4() }),
      "unknown",
    );
  });
}
