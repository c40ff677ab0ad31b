/**
 * The store's contract: life of the adapter.
 *
 * @module
 */
import assert from "node:assert/strict";
import { StoreUnavailableError } from "../../../src/base/errors.ts";
import type { RegisterTest } from "../contract.ts";
import {
  LIMITS,
  listOf,
  newSession,
  revokeSession,
  revokeSubject,
  rotationOf,
  statusOf,
} from "../fixtures.ts";

/** Registers this part. */
export function lifeContract(test: RegisterTest): void {
  test("probing a good store finds nothing to warn of", async ({ store }) => {
    assert.deepEqual(await store.probe(), []);
  });

  test("a closed store refuses every operation", async ({ store, clock }) => {
    const session = newSession(clock);
    await store.close();
    await store.close();
    const attempt = { id: "a", counters: [{ key: "x", limit: 1 }], windowMs: 1_000 };
    const operations: (() => Promise<unknown>)[] = [
      () => store.open(session, LIMITS),
      () => store.rotate(rotationOf(clock, session)),
      () => revokeSession(store, session),
      () => revokeSubject(store, "alice"),
      () => store.revokeToken({ jti: "x", untilMs: clock() + 1000 }),
      () => store.revocationsSince(null),
      () => statusOf(store, session),
      () => store.readSession(session.sid),
      () => listOf(store, "alice"),
      () => store.countSessions("alice"),
      () => store.bind(session.sid, { jkt: "k", by: "dbsc" }),
      () => store.reserveAttempt({ ...attempt, holdMs: 1_000 }),
      () => store.settleAttempt({ ...attempt, result: "failed" }),
      () => store.probe(),
    ];
    for (const operation of operations) await assert.rejects(operation, StoreUnavailableError);
  });
}
