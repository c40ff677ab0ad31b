/**
 * The store's contract: groups, and the limit of sessions.
 *
 * @module
 */
import assert from "node:assert/strict";
import { v4 } from "uuid";
import { EVERYBODY } from "../../../src/store/port.ts";
import { CLOCK_SLACK_MS } from "../../../src/store/rules.ts";
import type { RegisterTest } from "../contract.ts";
import {
  DENY_FOR_MS,
  LIMITS,
  listOf,
  MINUTE_MS,
  nameOfRevocation,
  newSession,
  OPENED,
  openSession,
  REFRESH_TTL_SECONDS,
  REMEMBER_FOR_MS,
  revokeGroup,
  revokeSession,
  revokeSubject,
  rotateOnce,
  rotationOf,
  statusOf,
  subjectGroup,
} from "../fixtures.ts";

/** Registers this part. */
export function groupsContract(test: RegisterTest): void {
  test("revoking a subject ends all its sessions and lets younger ones in", async (harness) => {
    const { store, clock, advance } = harness;
    const first = await openSession(store, clock);
    const second = await rotateOnce(store, clock, await openSession(store, clock));
    const bob = await openSession(store, clock, { subject: "bob" });
    const before = clock();
    const { notAfterMs } = await revokeSubject(store, "alice");
    assert.ok(notAfterMs >= before && notAfterMs <= clock());

    for (const session of [first, second]) {
      assert.equal(await store.readSession(session.sid), null);
      assert.equal(await statusOf(store, session), "revoked");
      assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "revoked" });
      assert.equal((await revokeSession(store, session)).kind, "already_revoked");
    }
    assert.deepEqual(await listOf(store, "alice"), []);
    assert.deepEqual(await listOf(store, "bob"), [bob]);
    const [entry, ...rest] = (await store.revocationsSince(null)).entries;
    assert.ok(entry?.kind === "group" && rest.length === 0);
    assert.deepEqual([entry.group, entry.notAfterMs], [subjectGroup("alice"), notAfterMs]);

    await advance(1_000);
    const young = await openSession(store, clock);
    assert.deepEqual(await listOf(store, "alice"), [young]);
    assert.equal(await statusOf(store, young), "live");
    await rotateOnce(store, clock, young);
  });

  test("a sign-in that is older than the subject's revocation is superseded", async (harness) => {
    const { store, clock } = harness;
    const late = newSession(clock);
    const { notAfterMs } = await revokeSubject(store, "alice");
    assert.deepEqual(await store.open(late, LIMITS), { kind: "superseded", notAfterMs });
    assert.deepEqual(await store.open({ ...late, createdAtMs: notAfterMs }, LIMITS), {
      kind: "superseded",
      notAfterMs,
    });
    assert.equal(await store.readSession(late.sid), null);
    assert.deepEqual(await store.open({ ...late, createdAtMs: notAfterMs + 1 }, LIMITS), OPENED);
  });

  test("revoking a subject reaches sessions of a clock that runs ahead", async (harness) => {
    const { store, clock } = harness;
    const ahead = await openSession(store, clock, { createdAtMs: clock() + 4_000 });
    const { notAfterMs } = await revokeSubject(store, "alice");
    assert.equal(notAfterMs, ahead.createdAtMs);
    assert.equal(await statusOf(store, ahead), "revoked");
    assert.equal((await revokeSubject(store, "alice")).notAfterMs, notAfterMs);
  });

  test("a group's mark is remembered as long as it was asked to be", async (harness) => {
    const { store, clock, advance } = harness;
    const late = newSession(clock);
    await revokeSubject(store, "alice");
    await revokeSubject(store, "alice", { denyForMs: 1000, rememberForMs: 1000 });
    await advance(REFRESH_TTL_SECONDS * 1000 - 5_000);
    assert.equal((await store.open(late, LIMITS)).kind, "superseded");
    await advance(CLOCK_SLACK_MS + 5 * MINUTE_MS);
    assert.deepEqual(await store.open(late, LIMITS), OPENED);
  });

  test("a session ends with any of its groups, and with none that it is not in", async (harness) => {
    const { store, clock, advance } = harness;
    const groups = ["ada", "provider-1", "login-7", "sub-9"];
    const sessions = [];
    for (const _ of groups) sessions.push(await openSession(store, clock, { groups }));
    await revokeGroup(store, "provider-2");
    await revokeGroup(store, "provider");
    for (const session of sessions) assert.equal(await statusOf(store, session), "live");
    for (const group of groups) {
      await advance(1_000);
      const session = await openSession(store, clock, { groups });
      const other = await openSession(store, clock, {
        groups: groups.filter((name) => name !== group),
      });
      const revocation = await revokeGroup(store, group);
      assert.equal(revocation.group, group);
      assert.equal(await statusOf(store, session), "revoked");
      assert.equal(await store.readSession(session.sid), null);
      assert.deepEqual(await store.rotate(rotationOf(clock, session)), { kind: "revoked" });
      assert.equal(await store.bind(session.sid, { jkt: "k", by: "dbsc" }), "gone");
      assert.equal(await statusOf(store, other), "live");
      await rotateOnce(store, clock, other);
    }
    const { entries } = await store.revocationsSince(null);
    assert.deepEqual(
      entries.map(nameOfRevocation),
      ["provider-2", "provider", ...groups].map((name) => `group ${name}`),
    );
  });

  test("a session without a record is revoked with its groups, too", async ({ store, clock }) => {
    const gone = newSession(clock);
    assert.equal(await statusOf(store, gone), "unknown");
    await revokeSubject(store, "alice");
    assert.equal(await statusOf(store, gone), "revoked");
    const foreign = { sid: null, subject: "https://issuer|x", jti: v4(), bornAtMs: clock() };
    assert.equal(await store.tokenStatus({ ...foreign, groups: ["x"] }), "unknown");
    await revokeGroup(store, "x");
    assert.equal(await store.tokenStatus({ ...foreign, groups: ["x"] }), "revoked");
  });

  test("everybody's sessions up to a time can be ended, and no younger ones", async (harness) => {
    const { store, clock, advance } = harness;
    const old = await openSession(store, clock, { subject: "ada" });
    await advance(10_000);
    const notAfterMs = clock();
    await advance(10_000);
    const young = await openSession(store, clock, { subject: "bob" });
    const revocation = await store.revokeGroup({
      group: EVERYBODY,
      notAfterMs,
      denyForMs: DENY_FOR_MS,
      rememberForMs: REMEMBER_FOR_MS,
    });
    assert.equal(revocation.notAfterMs, notAfterMs);
    assert.deepEqual(await store.rotate(rotationOf(clock, old)), { kind: "revoked" });
    assert.equal(await statusOf(store, old), "revoked");
    assert.equal(await statusOf(store, young), "live");
    await rotateOnce(store, clock, young);
    assert.deepEqual(await listOf(store, "ada"), []);
  });

  test("a record from before groups takes those of its token", async ({ store, clock }) => {
    const session = await openSession(store, clock, { groups: [] });
    const rotated = await rotateOnce(store, clock, session, { groups: ["alice's"] });
    assert.deepEqual(rotated.groups, ["alice's"]);
    assert.deepEqual((await rotateOnce(store, clock, rotated, { groups: ["x"] })).groups, [
      "alice's",
    ]);
    const other = await openSession(store, clock, { groups: [] });
    await revokeGroup(store, "alice's");
    const rotation = rotationOf(clock, other, { groups: ["alice's"] });
    assert.deepEqual(await store.rotate(rotation), { kind: "revoked" });
  });

  test("a subject with many sessions: the oldest give way, a few at a time", async (harness) => {
    const { store, clock, advance } = harness;
    const limits = { ...LIMITS, maxSessions: 3 };
    const opened = [];
    for (let i = 0; i < 3; i++) {
      opened.push(await openSession(store, clock));
      await advance(1_000);
    }
    await openSession(store, clock, { subject: "bob" });
    const fourth = newSession(clock);
    const outcome = await store.open(fourth, limits);
    assert.ok(outcome.kind === "opened");
    assert.deepEqual(outcome.ended.map(({ sid }) => sid), [opened[0]?.sid]);
    assert.deepEqual((await store.revocationsSince(null)).entries, outcome.ended);
    assert.deepEqual(
      (await listOf(store, "alice")).map(({ sid }) => sid),
      [fourth.sid, opened[2]?.sid, opened[1]?.sid],
    );
    assert.deepEqual(await store.open(fourth, limits), OPENED, "repeated");
    assert.equal((await listOf(store, "bob")).length, 1);
    await revokeSubject(store, "alice");
    await advance(1_000);
    assert.deepEqual(await store.open(newSession(clock), limits), OPENED, "the dead do not count");
  });

  test("a limit that was lowered is reached again, a bounded number at once", async (harness) => {
    const { store, clock, advance } = harness;
    for (let i = 0; i < 60; i++) await openSession(store, clock);
    await advance(1_000);
    let ended = 0;
    for (let turn = 0; turn < 8; turn++) {
      const outcome = await store.open(newSession(clock), { ...LIMITS, maxSessions: 5 });
      assert.ok(outcome.kind === "opened" && outcome.ended.length <= 16);
      ended += outcome.ended.length;
    }
    assert.equal(ended, 63);
    assert.equal((await listOf(store, "alice")).length, 5);
  });
}
