import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { StoreUnavailableError } from "../../src/base/errors.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { createTestClock } from "../support/clock.ts";
import { until } from "../support/until.ts";
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

Deno.test("sqlite store: a file that another process has holds up nobody but who writes to it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-busy-" });
  const path = `${folder}/postern.db`;
  const clock = createTestClock();
  const store = openSqliteStore({ path, clock });
  const other = new DatabaseSync(path);
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 1);
  try {
    other.exec("BEGIN IMMEDIATE");
    const sessions = Array.from({ length: 3 }, () => newSession(clock));
    const writing = sessions.map((session) => store.open(session, LIMITS));
    await until(() => ticks > 30, "everything else goes on");
    const [first] = sessions;
    assert.equal(await store.readSession(first?.sid ?? ""), null, "reading too");
    other.exec("COMMIT");
    for (const outcome of await Promise.all(writing)) assert.equal(outcome.kind, "opened");

    other.exec("BEGIN IMMEDIATE");
    ticks = 0;
    await assert.rejects(store.open(newSession(clock), LIMITS), StoreUnavailableError);
    assert.ok(ticks > 30, "for a second at most, and beside everything else");
    const late = store.open(newSession(clock), LIMITS);
    setTimeout(() => other.exec("COMMIT"), 50);
    assert.equal((await late).kind, "opened");
  } finally {
    clearInterval(ticking);
    other.close();
    await store.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sqlite store: what waits for another process at the end is written, or told", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-busy-" });
  const path = `${folder}/postern.db`;
  const clock = createTestClock();
  const store = openSqliteStore({ path, clock });
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const refused = assert.rejects(store.open(newSession(clock), LIMITS), StoreUnavailableError);
  await new Promise((resolve) => setTimeout(resolve, 30));
  await store.close();
  await refused;
  other.exec("COMMIT");
  other.close();
  await Deno.remove(folder, { recursive: true });
});
