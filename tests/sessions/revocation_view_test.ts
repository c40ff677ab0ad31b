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
