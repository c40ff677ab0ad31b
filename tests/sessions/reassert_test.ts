import assert from "node:assert/strict";
import { createReassert } from "../../src/sessions/reassert.ts";
import { createRevocationView } from "../../src/sessions/revocation_view.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import type { SessionStore } from "../../src/store/port.ts";
import { openSession, rotationOf, statusOf, subjectGroup } from "../store/fixtures.ts";
import { createTestClock } from "../support/clock.ts";
import { until } from "../support/until.ts";

const DENY = { denyForMs: 1_800_000, rememberForMs: 1_800_000 };

Deno.test("a store that was put back to an earlier state is told again what was revoked since", async () => {
  const clock = createTestClock();
  const before = createMemoryStore({ clock });
  const after = createMemoryStore({ clock });
  let store: SessionStore = before;
  const current = new Proxy({} as SessionStore, {
    get: (_, name: keyof SessionStore) => store[name],
  });
  const view = createRevocationView({
    store: current,
    clock,
    pollIntervalMs: 1_000,
    maxStalenessMs: 5_000,
    onForgotten: createReassert(current, clock),
  });
  const poll = async () => {
    clock.advance(6_000);
    assert.equal(await view.ensureFresh(() => {}), true);
  };
  // The same sessions in both: `after` is the snapshot.
  const ada = await openSession(before, clock, { subject: "ada" });
  const bob = await openSession(before, clock, { subject: "bob" });
  const carol = await openSession(before, clock, { subject: "carol" });
  for (const session of [ada, bob, carol]) {
    await after.open(session, { maxSessions: 9, denyForMs: 1 });
  }
  await after.revokeToken({ jti: "of the snapshot", untilMs: clock() + 60_000 });
  await before.revokeSession({ sid: ada.sid, mustExist: true, ...DENY });
  await before.revokeGroup({ group: subjectGroup("bob"), ...DENY });
  await before.revokeToken({ jti: carol.current.accessJti, untilMs: clock() + 1_800_000 });
  await poll();

  store = after;
  assert.equal(await statusOf(after, ada), "live", "forgotten");
  await poll();
  await until(
    async () =>
      (await Promise.all([ada, bob, carol].map((session) => statusOf(after, session))))
        .every((status) => status === "revoked"),
    "told again",
  );
  assert.equal((await after.rotate(rotationOf(clock, ada))).kind, "revoked");
  assert.equal((await after.rotate(rotationOf(clock, bob))).kind, "revoked");
  assert.equal((await after.rotate(rotationOf(clock, carol))).kind, "rotated");
});

Deno.test("what could not be told is told when the store is back", async () => {
  const clock = createTestClock();
  const store = createMemoryStore({ clock });
  let away = true;
  const reassert = createReassert({
    revokeSession: (end) => away ? Promise.reject(new Error("away")) : store.revokeSession(end),
    revokeToken: store.revokeToken,
    revokeGroup: store.revokeGroup,
  }, clock);
  const known = Array.from({ length: 100 }, (_, i) => ({
    kind: "session" as const,
    sid: `s${i}`,
    untilMs: clock() + 60_000,
  }));
  await reassert(known);
  assert.equal((await store.revocationsSince(null)).entries.length, 0);
  away = false;
  await reassert([]);
  assert.equal((await store.revocationsSince(null)).entries.length, 100);
});
