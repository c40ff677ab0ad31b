/** A file of the version before groups is taken over as it stands. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { v7 } from "uuid";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { generation, GRACE_MS, listOf, nameOfRevocation } from "./fixtures.ts";

/** The tables as version 1 made them. */
const VERSION_1 = `
CREATE TABLE session (
  sid TEXT PRIMARY KEY, subject TEXT NOT NULL, claims TEXT NOT NULL, created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL, cap_seconds INTEGER NOT NULL, user_agent TEXT NOT NULL,
  ip TEXT NOT NULL, refresh_jti TEXT NOT NULL, access_jti TEXT NOT NULL,
  issued_at_seconds INTEGER NOT NULL, refresh_expires_at_seconds INTEGER NOT NULL,
  revoked INTEGER NOT NULL DEFAULT 0, ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_subject ON session (subject, created_at);
CREATE INDEX session_ends_at ON session (ends_at);
CREATE TABLE successor (
  sid TEXT NOT NULL, spent_jti TEXT NOT NULL, refresh_jti TEXT NOT NULL, access_jti TEXT NOT NULL,
  issued_at_seconds INTEGER NOT NULL, refresh_expires_at_seconds INTEGER NOT NULL,
  ends_at INTEGER NOT NULL, PRIMARY KEY (sid, spent_jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX successor_ends_at ON successor (ends_at);
CREATE TABLE subject (
  subject TEXT PRIMARY KEY, not_after INTEGER NOT NULL, ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_ends_at ON subject (ends_at);
CREATE TABLE token (jti TEXT PRIMARY KEY, ends_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX token_ends_at ON token (ends_at);
CREATE TABLE departed (sid TEXT PRIMARY KEY, ends_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX departed_ends_at ON departed (ends_at);
CREATE TABLE feed (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('session', 'token', 'subject')),
  name TEXT NOT NULL, not_after INTEGER NOT NULL, until INTEGER NOT NULL
) STRICT;
CREATE TABLE feed_head (
  one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL
) STRICT;
CREATE TABLE attempt (
  name TEXT PRIMARY KEY, count INTEGER NOT NULL, ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_ends_at ON attempt (ends_at);
PRAGMA user_version = 1;
`;

Deno.test("a file of the version before is taken over: who was signed in stays so, what was revoked stays so", async () => {
  const folder = await Deno.makeTempDir({ prefix: "postern-migration-" });
  const path = `${folder}/postern.db`;
  const now = Date.now();
  const seconds = Math.floor(now / 1000);
  const old = new DatabaseSync(path);
  old.exec(VERSION_1);
  const put = (subject: string, revoked: number) => {
    const sid = v7({ msecs: now - 60_000 });
    old.prepare("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
      ...[sid, subject, '{"scope":"read"}', now - 60_000, now - 60_000, seconds + 90 * 86_400],
      ...["curl", "192.0.2.1", `r-${subject}`, `a-${subject}`, seconds - 60, seconds + 86_400],
      ...[revoked, now + 86_400_000],
    );
    return sid;
  };
  const ada = put("ada", 0);
  const bob = put("bob", 1);
  const carol = put("carol", 0);
  old.prepare("INSERT INTO subject VALUES (?, ?, ?)").run("carol", now, now + 86_400_000);
  old.prepare("INSERT INTO successor VALUES (?, ?, ?, ?, ?, ?, ?)").run(
    ...[ada, "r-before", "r-ada", "a-ada", seconds - 60, seconds + 86_400, now + 60_000],
  );
  old.prepare("INSERT INTO token VALUES (?, ?)").run("bad", now + 86_400_000);
  old.prepare("INSERT INTO departed VALUES (?, ?)").run("gone", now + 86_400_000);
  const feed = old.prepare("INSERT INTO feed VALUES (?, ?, ?, ?, ?, ?)");
  feed.run(1, "aa", "token", "bad", 0, now + 60_000);
  feed.run(2, "bb", "subject", "carol", now, now + 60_000);
  old.prepare("INSERT INTO feed_head VALUES (1, ?, ?, ?)").run("ee", 2, "bb");
  old.close();

  const store = openSqliteStore({ path });
  try {
    const { entries, cursor, reset } = await store.revocationsSince("ee.2.bb");
    assert.equal(reset, true, "who has read the old feed reads this one from the beginning");
    assert.deepEqual(
      entries.map(nameOfRevocation).toSorted(),
      ["token bad", `session ${bob}`, `session ${carol}`].toSorted(),
    );
    assert.equal((await store.revocationsSince(cursor)).entries.length, 0);
    assert.deepEqual((await listOf(store, "ada")).map(({ sid }) => sid), [ada]);
    for (const subject of ["bob", "carol"]) assert.deepEqual(await listOf(store, subject), []);
    const rotate = (sid: string, subject: string, presentedJti = `r-${subject}`) =>
      store.rotate({
        sid,
        subject,
        presentedJti,
        next: generation(Date.now),
        graceMs: GRACE_MS,
        denyForMs: 60_000,
        groups: [`group of ${subject}`],
        jkt: null,
      });
    assert.deepEqual(await rotate(bob, "bob"), { kind: "revoked" });
    assert.deepEqual(await rotate(carol, "carol"), { kind: "revoked" });
    const replayed = await rotate(ada, "ada", "r-before");
    assert.ok(replayed.kind === "replayed" && replayed.generation.refreshJti === "r-ada");
    const rotated = await rotate(ada, "ada");
    assert.ok(rotated.kind === "rotated");
    assert.deepEqual(rotated.session.groups, ["group of ada"]);
    assert.ok(rotated.session.latestExp >= seconds + 86_400, "as long as its refresh token");
    const ask = { subject: "x", groups: [], bornAtMs: now };
    assert.equal(await store.tokenStatus({ ...ask, sid: null, jti: "bad" }), "revoked");
    assert.equal(await store.tokenStatus({ ...ask, sid: "gone", jti: "x" }), "revoked");
    const mark = await store.revokeGroup({ group: "g", denyForMs: 1, rememberForMs: 1 });
    assert.ok(mark.untilMs >= now + 80_000_000, "the old sessions are behind the horizon");
  } finally {
    await store.close();
  }
  const again = openSqliteStore({ path });
  assert.deepEqual((await listOf(again, "ada")).map(({ sid }) => sid), [ada]);
  await again.close();
  await Deno.remove(folder, { recursive: true });
});
