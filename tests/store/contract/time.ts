/**
 * The store's contract: lives of tokens, settings that change, clocks that are set.
 *
 * @module
 */
import assert from "node:assert/strict";
import { v4 } from "uuid";
import type { RegisterTest } from "../contract.ts";
import {
  DENY_FOR_MS,
  GRACE_MS,
  MINUTE_MS,
  nameOfRevocation,
  newSession,
  openSession,
  REFRESH_TTL_SECONDS,
  revokeSession,
  revokeSubject,
  rotateOnce,
  rotationOf,
  statusOf,
} from "../fixtures.ts";

const HOUR_MS = 60 * MINUTE_MS;

/** Registers this part. */
export function timeContract(test: RegisterTest): void {
  test("whatever lives the revoker knows, a session's token is refused until its own end", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    const exp = session.current.accessExpiresAtSeconds * 1000;
    const outcome = await store.revokeSession({
      sid: session.sid,
      denyForMs: 1_000,
      mustExist: true,
    });
    assert.ok(outcome.kind === "revoked" && outcome.untilMs >= exp);
    await advance(exp - clock() - 1_000);
    const page = await store.revocationsSince(null);
    assert.deepEqual(page.entries, [{
      kind: "session",
      sid: session.sid,
      untilMs: outcome.untilMs,
    }]);
    assert.equal(await statusOf(store, session), "revoked");
  });

  test("whatever lives the revoker knows, a group is refused until its last token's end", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    const exp = session.current.accessExpiresAtSeconds * 1000;
    const outcome = await revokeSubject(store, "alice", { denyForMs: 1_000, rememberForMs: 1_000 });
    assert.ok(outcome.untilMs >= exp);
    await advance(exp - clock() - 1_000);
    assert.deepEqual((await store.revocationsSince(null)).entries, [outcome]);
    await advance(REFRESH_TTL_SECONDS * 1000 - DENY_FOR_MS - 10_000);
    assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "revoked" });
    await advance(60_000);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind === "rotated", false);
  });

  test("reuse told by an instance with short lives is refused as long", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    const third = await rotateOnce(store, clock, await rotateOnce(store, clock, session));
    await advance(GRACE_MS + 1_000);
    const outcome = await store.rotate(rotationOf(clock, session, { denyForMs: 1_000 }));
    assert.ok(outcome.kind === "reused");
    assert.ok(outcome.untilMs >= third.latestExp * 1000);
  });

  test("the end of a session without a record lasts as long as any token", async (harness) => {
    const { store, clock } = harness;
    const known = await openSession(store, clock);
    const gone = newSession(clock);
    const outcome = await store.revokeSession({ sid: gone.sid, denyForMs: 1, mustExist: false });
    assert.ok(outcome.kind === "revoked" && outcome.untilMs >= known.latestExp * 1000);
  });

  test("a clock that was set back by hours loses no revocation and no session", async (harness) => {
    const { store, clock } = harness;
    const revoked = await openSession(store, clock);
    const everywhere = await openSession(store, clock, { subject: "bob" });
    const live = await openSession(store, clock, { subject: "carol" });
    await revokeSession(store, revoked);
    clock.advance(-5 * HOUR_MS);
    const { notAfterMs } = await revokeSubject(store, "bob");
    assert.ok(notAfterMs >= everywhere.createdAtMs, "opened before, by the clock of then");
    assert.equal(await statusOf(store, revoked), "revoked");
    assert.deepEqual(await store.rotate(rotationOf(clock, revoked)), { kind: "revoked" });
    assert.deepEqual(await store.rotate(rotationOf(clock, everywhere)), { kind: "revoked" });
    await rotateOnce(store, clock, live);
    assert.equal((await store.revocationsSince(null)).entries.length, 2);
  });

  test("a clock that ran ahead for hours and is set right loses no revocation", async (harness) => {
    const { store, clock } = harness;
    const revoked = await openSession(store, clock);
    const token = await openSession(store, clock, { subject: "dave" });
    const { accessJti: jti } = token.current;
    await revokeSession(store, revoked);
    await store.revokeToken({ jti, untilMs: clock() + MINUTE_MS });
    clock.advance(5 * HOUR_MS);
    // Writes meanwhile tidy up what looks old.
    for (let i = 0; i < 10; i++) {
      await revokeSession(store, await openSession(store, clock, { subject: `x${i}` }));
    }
    clock.advance(-5 * HOUR_MS);
    assert.equal(await statusOf(store, revoked), "revoked");
    assert.equal(await statusOf(store, token), "revoked");
    const names = (await store.revocationsSince(null)).entries.map(nameOfRevocation);
    assert.ok(names.includes(`session ${revoked.sid}`), "still in the feed");
    assert.ok(names.includes(`token ${jti}`), "still in the feed");
    assert.deepEqual(await store.rotate(rotationOf(clock, revoked)), { kind: "revoked" });
  });

  test("a grace window is no longer because the clock was set back", async (harness) => {
    const { store, clock, advance } = harness;
    const session = await openSession(store, clock);
    const second = await rotateOnce(store, clock, session);
    await rotateOnce(store, clock, second);
    clock.advance(-HOUR_MS);
    await advance(GRACE_MS + 1_000);
    assert.equal((await store.rotate(rotationOf(clock, session))).kind, "reused");
  });

  test("nobody waits for attempts of a clock that was set back", async (harness) => {
    const { store, clock, advance } = harness;
    const counters = [{ key: "user:1", limit: 2 }];
    const attempt = () => ({ id: v4(), counters, windowMs: 60_000 });
    for (let i = 0; i < 2; i++) {
      const outcome = await store.reserveAttempt({ ...attempt(), holdMs: 10_000 });
      assert.equal(outcome.allowed, true);
    }
    clock.advance(-2 * HOUR_MS);
    await advance(11_000);
    const outcome = await store.reserveAttempt({ ...attempt(), holdMs: 10_000 });
    assert.equal(outcome.allowed, true);
  });
}
