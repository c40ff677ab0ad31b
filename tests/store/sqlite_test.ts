import assert from "node:assert/strict";
import { describeStore } from "./contract.ts";
import { LIMITS, newSession } from "./fixtures.ts";
import { checkModel } from "./model.ts";
import { createSqliteHarness } from "./sqlite_harness.ts";

describeStore("sqlite store", createSqliteHarness);

Deno.test("sqlite store: random histories go as the model of a session says", async () => {
  await checkModel(createSqliteHarness, 40);
});

Deno.test("sqlite store: operations that go to the disk together fail and succeed by themselves", async () => {
  const { store, clock, dispose } = await createSqliteHarness();
  const sessions = Array.from({ length: 5 }, () => newSession(clock));
  // Something that can not be written, in the middle of what can.
  const outcomes = await Promise.allSettled(
    sessions.map((session, index) =>
      store.open(index === 2 ? { ...session, claims: { broken: 1n as never } } : session, LIMITS)
    ),
  );
  assert.deepEqual(outcomes.map(({ status }) => status), [
    "fulfilled",
    "fulfilled",
    "rejected",
    "fulfilled",
    "fulfilled",
  ]);
  const read = await Promise.all(sessions.map(({ sid }) => store.readSession(sid)));
  assert.deepEqual(read.map((session) => session !== null), [true, true, false, true, true]);
  await dispose();
});
