import assert from "node:assert/strict";
import { createRevocationView } from "../../src/sessions/revocation_view.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import type { SessionStore } from "../../src/store/port.ts";
import { createTestClock } from "../support/clock.ts";

function stage(options: { isolatesRequests?: boolean } = {}) {
  const clock = createTestClock();
  const inner = createMemoryStore({ clock });
  let polls = 0;
  let under = 0;
  let most = 0;
  let broken = false;
  const store: Pick<SessionStore, "revocationsSince"> = {
    async revocationsSince(cursor) {
      polls++;
      most = Math.max(most, ++under);
      await Promise.resolve();
      under--;
      if (broken) throw new Error("away");
      return await inner.revocationsSince(cursor);
    },
  };
  const background: Promise<unknown>[] = [];
  const view = createRevocationView({
    store,
    clock,
    pollIntervalMs: 2_000,
    maxStalenessMs: 5_000,
    ...options,
  });
  return {
    clock,
    inner,
    view,
    background,
    ask: () => view.ensureFresh((work) => void background.push(work)),
    settle: () => Promise.all(background.splice(0)),
    polls: () => polls,
    most: () => most,
    breakIt: (now: boolean) => broken = now,
  };
}

const token = (sid: string) => ({ sid, jti: `jti-${sid}`, groups: ["ada"], sessionCreatedAtMs: 1 });

Deno.test("the first request waits, later ones do not, and one poll runs at a time", async () => {
  const { ask, settle, clock, polls, most } = stage();
  assert.equal(await ask(), true);
  assert.equal(polls(), 1);
  for (let turn = 0; turn < 100; turn++) {
    assert.equal(ask(), true, "no promise inside the interval");
  }
  assert.equal(polls(), 1);
  clock.advance(2_500);
  for (let turn = 0; turn < 100; turn++) assert.equal(ask(), true, "polled in the background");
  await settle();
  assert.equal(polls(), 2);
  assert.equal(most(), 1);
});

Deno.test("after idling past the bound, requests wait for one fresh poll together", async () => {
  const { ask, clock, polls, inner, view } = stage();
  await ask();
  clock.advance(60_000);
  await inner.revokeToken({ jti: "jti-s", untilMs: clock() + 60_000 });
  const answers = await Promise.all(Array.from({ length: 20 }, ask));
  assert.ok(answers.every((fresh) => fresh === true));
  assert.equal(polls(), 2);
  assert.equal(view.isRevoked(token("s")), true);
});

Deno.test("nothing is asked while nobody calls", async () => {
  const { ask, clock, polls } = stage();
  await ask();
  clock.advance(3600_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(polls(), 1);
});

Deno.test("guarantee 5: a store that is away is borne until the bound, and not a moment longer", async () => {
  const { ask, settle, clock, breakIt } = stage();
  await ask();
  breakIt(true);
  clock.advance(4_000);
  assert.equal(ask(), true);
  await settle();
  assert.equal(await ask(), true, "4 s old is inside 5 s");
  clock.advance(1_500);
  assert.equal(await ask(), false);
  breakIt(false);
  assert.equal(await ask(), true, "back at once");
});

Deno.test("what was revoked is remembered through a store that forgets", async () => {
  const { ask, clock, inner, view } = stage();
  await inner.revokeSession({ sid: "s", denyForMs: 60_000, mustExist: false });
  await ask();
  assert.equal(view.isRevoked(token("s")), true);
  view.apply({ kind: "group", group: "ada", notAfterMs: 5, untilMs: clock() + 60_000 });
  assert.equal(view.isRevoked(token("other")), true, "a group's mark covers older sessions");
  assert.equal(view.isRevoked({ ...token("young"), sessionCreatedAtMs: 6 }), false);
});

Deno.test("on Workers no request waits for another's poll", async () => {
  const { ask, polls, clock } = stage({ isolatesRequests: true });
  await Promise.all([ask(), ask(), ask()]);
  assert.equal(polls(), 3);
  clock.advance(2_500);
  assert.equal(ask(), true);
});

for (const hours of [-5, -1, 1, 5]) {
  Deno.test(`a wall clock that is set by ${hours} hours hides no revocation`, async () => {
    const clock = createTestClock();
    const monotonic = createTestClock();
    const store = createMemoryStore({ clock: createTestClock() });
    let away = false;
    const view = createRevocationView({
      store: {
        revocationsSince: (cursor) =>
          away ? Promise.reject(new Error("away")) : store.revocationsSince(cursor),
      },
      clock,
      monotonic,
      pollIntervalMs: 2_000,
      maxStalenessMs: 5_000,
    });
    await view.ensureFresh(() => {});
    await store.revokeSession({ sid: "before", denyForMs: 60_000, mustExist: false });
    clock.advance(hours * 3_600_000);
    assert.ok(view.ageMs() > 5_000, `${view.ageMs()}`);
    assert.equal(await view.ensureFresh(() => {}), true);
    assert.equal(view.isRevoked(token("before")), true);
    assert.ok(view.ageMs() < 1_000, "asked once, it is fresh again");
    assert.equal(view.ensureFresh(() => {}), true);

    await store.revokeSession({ sid: "after", denyForMs: 60_000, mustExist: false });
    monotonic.advance(6_000);
    assert.equal(await view.ensureFresh(() => {}), true);
    assert.equal(view.isRevoked(token("after")), true, "the wall clock stood still");

    clock.advance(-hours * 3_600_000);
    assert.equal(await view.ensureFresh(() => {}), true);
    for (const sid of ["before", "after"]) assert.equal(view.isRevoked(token(sid)), true, sid);

    away = true;
    clock.advance(hours * 3_600_000);
    assert.equal(await view.ensureFresh(() => {}), false, "who can not ask does not know");
  });
}

Deno.test("what has served its time goes, but not while the clock is being set", async () => {
  const clock = createTestClock();
  const monotonic = createTestClock();
  const store = createMemoryStore({ clock: createTestClock() });
  const view = createRevocationView({
    store,
    clock,
    monotonic,
    pollIntervalMs: 1_000,
    maxStalenessMs: 5_000,
  });
  const pass = async (wallMs: number, monotonicMs: number) => {
    clock.advance(wallMs);
    monotonic.advance(monotonicMs);
    await view.ensureFresh(() => {});
  };
  await pass(0, 0);
  view.apply({ kind: "session", sid: "s", untilMs: clock() + 60_000 });
  await pass(3_600_000, 6_000);
  assert.equal(view.isRevoked(token("s")), true, "an hour in six seconds");
  await pass(-3_600_000, 6_000);
  assert.equal(view.isRevoked(token("s")), true);
  for (let hour = 0; hour < 7; hour++) await pass(3_600_000, 3_600_000);
  assert.equal(view.size(), 0);
});
