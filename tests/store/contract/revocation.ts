/**
 * The store's contract: revocation and strict asks.
 *
 * @module
 */
import assert from "node:assert/strict";
import { v4, v7 } from "uuid";
import { CLOCK_SLACK_MS } from "../../../src/store/rules.ts";
import type { RegisterTest } from "../contract.ts";
import {
  MINUTE_MS,
  nameOfRevocation,
  newSession,
  openSession,
  REFRESH_TTL_SECONDS,
  revokeSession,
  rotationOf,
  statusOf,
} from "../fixtures.ts";

/** Registers this part. */
export function revocationContract(test: RegisterTest): void {
  test("revoking a session ends it and tells everybody, once", async ({ store, clock }) => {
    const session = await openSession(store, clock);
    const outcome = await revokeSession(store, session);
    assert.ok(outcome.kind === "revoked");
    const again = { ...outcome, kind: "already_revoked" };
    assert.deepEqual(await revokeSession(store, session), again);
    assert.deepEqual(await revokeSession(store, session, { mustExist: true }), again);
    assert.equal(outcome.subject, "alice");
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
    assert.deepEqual([foreign, absent], [{ kind: "not_found" }, { kind: "not_found" }]);
    assert.deepEqual((await store.revocationsSince(null)).entries, []);
    assert.deepEqual(await store.readSession(session.sid), session);
  });

  test("revoking a session whose record is gone still turns its tokens away", async (harness) => {
    const { store, clock } = harness;
    const gone = newSession(clock);
    const outcome = await revokeSession(store, gone);
    assert.ok(outcome.kind === "revoked" && outcome.subject === null);
    assert.deepEqual(await revokeSession(store, gone), { ...outcome, kind: "already_revoked" });
    assert.equal(await statusOf(store, gone), "revoked");
    const { entries } = await store.revocationsSince(null);
    assert.deepEqual(entries.map(nameOfRevocation), [`session ${gone.sid}`]);
  });

  test("a single token can be revoked until it expires", async ({ store, clock, advance }) => {
    const session = await openSession(store, clock);
    const untilMs = clock() + 10 * MINUTE_MS;
    const { accessJti } = session.current;
    await store.revokeToken({ jti: accessJti, untilMs });
    await store.revokeToken({ jti: accessJti, untilMs });
    assert.equal(await statusOf(store, session), "revoked");
    assert.equal(
      await statusOf(store, session, { jti: v4() }),
      "live",
    );
    assert.deepEqual((await store.revocationsSince(null)).entries, [
      { kind: "token", jti: accessJti, untilMs },
    ]);
    await advance(CLOCK_SLACK_MS + 11 * MINUTE_MS);
    assert.equal(await statusOf(store, session), "live");
  });

  test("revoking an expired token is nothing", async ({ store, clock }) => {
    await store.revokeToken({ jti: v4(), untilMs: clock() - 1 });
    assert.deepEqual((await store.revocationsSince(null)).entries, []);
  });

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
}
