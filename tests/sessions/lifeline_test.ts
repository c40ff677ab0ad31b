import assert from "node:assert/strict";
import { createLifelines } from "../../src/sessions/lifeline.ts";
import type { LifelineCut } from "../../src/sessions/lifeline.ts";
import { createRevocationView } from "../../src/sessions/revocation_view.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { createTestClock } from "../support/clock.ts";
import { until } from "../support/until.ts";

const HOUR_MS = 3_600_000;

async function stage(pollIntervalMs: number) {
  const clock = createTestClock();
  const monotonic = createTestClock();
  const store = createMemoryStore({ clock });
  const view = createRevocationView({
    store,
    clock,
    monotonic,
    pollIntervalMs,
    maxStalenessMs: 2 * pollIntervalMs,
  });
  await view.ensureFresh(() => {});
  const attach = createLifelines({ view, clock, monotonic, pollIntervalMs, leewayMs: 0 });
  const cuts: LifelineCut[] = [];
  const token = {
    sid: "s",
    jti: "j",
    groups: ["g"],
    sessionCreatedAtMs: 1,
    expiresAtSeconds: Math.floor(clock() / 1000) + 1_800,
  };
  const release = attach(token, () => {}, (why) => cuts.push(why));
  return { clock, monotonic, store, view, cuts, release };
}

Deno.test("what is revoked here, or pushed, is cut at once, not at the next look", async () => {
  const { view, cuts, store } = await stage(HOUR_MS);
  view.apply({ kind: "group", group: "another", notAfterMs: 9, untilMs: Infinity });
  assert.deepEqual(cuts, []);
  await store.revokeGroup({ group: "g", denyForMs: HOUR_MS, rememberForMs: HOUR_MS });
  view.pull();
  await until(() => cuts.length > 0, "it is cut");
  assert.deepEqual(cuts, ["revoked"]);
  view.apply({ kind: "session", sid: "s", untilMs: Infinity });
  assert.deepEqual(cuts, ["revoked"], "once");
});

Deno.test("in a storm of revocations connections are told now and then, and of the last one", async () => {
  const { view, cuts, release } = await stage(HOUR_MS);
  let told = 0;
  const unwatch = view.watch(() => told++);
  for (let i = 0; i < 10_000; i++) {
    view.apply({ kind: "session", sid: `other ${i}`, untilMs: Infinity });
  }
  view.apply({ kind: "session", sid: "s", untilMs: Infinity });
  await until(() => cuts.length > 0, "it is cut");
  assert.ok(told < 100, `told ${told} times`);
  unwatch();
  release();
});

Deno.test("a connection that ended by itself is cut no more", async () => {
  const { view, cuts, release } = await stage(HOUR_MS);
  release();
  view.apply({ kind: "session", sid: "s", untilMs: Infinity });
  assert.deepEqual(cuts, []);
});

Deno.test("a clock that was set back prolongs no connection", async () => {
  const { clock, monotonic, cuts, release } = await stage(20);
  clock.advance(-5 * HOUR_MS);
  monotonic.advance(1_801_000);
  await until(() => cuts.length > 0, "it is cut");
  assert.deepEqual(cuts, ["expired"]);
  release();
});
