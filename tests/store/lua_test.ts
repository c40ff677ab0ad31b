/**
 * Each Lua script by itself, on a real Redis: the KEYS and ARGV that its file
 * documents, what it returns and what it leaves behind.
 */
import assert from "node:assert/strict";
import { type Script, SCRIPTS } from "../../src/store/upstash_scripts.ts";
import { startRedis } from "../support/redis.ts";

const redis = await startRedis();
Deno.test.afterAll(() => redis.stop());
const { client } = redis;

const NOW = 1_800_000_000_000;
const FEED_ARGS = [String(NOW), "aa", "ee", "60000", "100", "1000000"];

async function run(script: Script, keys: readonly string[], args: readonly unknown[]) {
  return await client.eval(script.source, keys.length, ...keys, ...args.map(String));
}

/** A script's test, on an empty database. */
function test(name: string, body: () => Promise<void>): void {
  Deno.test(`lua: ${name}`, async () => {
    await client.flushall();
    await body();
  });
}

const FIELDS = [
  "ada",
  "{}",
  NOW,
  NOW,
  1_900_000_000,
  "curl",
  "::1",
  "r1",
  "a1",
  NOW / 1000,
  1_802_592_000,
];

function openSession(sid = "s1") {
  return run(SCRIPTS.open, [`session:${sid}`, "subject:ada", "sessions:ada"], [
    NOW,
    60_000,
    sid,
    ...FIELDS,
  ]);
}

function rotate(presented: string, next: string, { graceMs = 10_000, claims = "" } = {}) {
  return run(
    SCRIPTS.rotate,
    ["session:s1", `successor:s1:${presented}`, "subject:ada", "sessions:ada", "feed", "head"],
    [
      NOW + 1000,
      "s1",
      "ada",
      presented,
      next,
      `access-${next}`,
      NOW / 1000,
      1_802_600_000,
      graceMs,
      30_000,
      60_000,
      claims,
      ...FEED_ARGS,
    ],
  ) as Promise<string[]>;
}

const feed = () => client.lrange("feed", 0, -1);

test("open records a sign-in once, and none that is older than the subject's mark", async () => {
  assert.deepEqual(await openSession(), ["opened"]);
  assert.equal(await client.hget("session:s1", "refreshJti"), "r1");
  assert.ok(await client.pttl("session:s1") > 50_000);
  assert.deepEqual(await client.zrange("sessions:ada", "0", "-1"), ["s1"]);
  await client.hset("session:s1", "revokedAt", "1");
  assert.deepEqual(await openSession(), ["opened"]);
  assert.equal(await client.hget("session:s1", "revokedAt"), "1", "nothing is brought back");
  await client.set("subject:ada", String(NOW));
  assert.deepEqual(await openSession("s2"), ["superseded", String(NOW)]);
  assert.equal(await client.exists("session:s2"), 0);
});

test("rotate spends a token, answers again in the grace window, tells reuse after it", async () => {
  await openSession();
  const [kind, ...rotated] = await rotate("r1", "r2");
  assert.equal(kind, "rotated");
  assert.deepEqual(rotated.slice(-4), ["r2", "access-r2", String(NOW / 1000), "1802600000"]);
  const again = await rotate("r1", "other");
  assert.equal(again[0], "replayed");
  assert.equal(again.at(-4), "r2");
  assert.deepEqual((await rotate("r1", "r2"))[0], "replayed");
  const [, claims] = (await rotate("r2", "r3", { claims: '{"a":1}' })).slice(1);
  assert.equal(claims, '{"a":1}');
  await client.del("successor:s1:r1");
  assert.equal((await rotate("r1", "x"))[0], "reused");
  assert.match((await feed()).join(), /^1:aa:\d+:session:s1$/);
  assert.deepEqual(await rotate("r3", "r4"), ["revoked"]);
  await client.del("session:s1");
  assert.deepEqual(await rotate("r3", "r4"), ["unknown"]);
});

test("revoke_session marks it, tells the feed once, and reaches one that has gone", async () => {
  await openSession();
  const revoke = (sid: string, subject: string, mustExist: "0" | "1") =>
    run(
      SCRIPTS.revokeSession,
      [`session:${sid}`, `departed:${sid}`, "subject:ada", "sessions:ada", "feed", "head"],
      [NOW, sid, subject, 30_000, mustExist, ...FEED_ARGS],
    );
  assert.equal(await revoke("s1", "bob", "1"), "not_found");
  assert.equal(await revoke("s1", "ada", "1"), "revoked");
  assert.equal(await revoke("s1", "ada", "1"), "already_revoked");
  assert.deepEqual(await client.zrange("sessions:ada", "0", "-1"), []);
  assert.equal(await revoke("s9", "ada", "1"), "not_found");
  assert.equal(await revoke("s9", "ada", "0"), "revoked");
  assert.equal(await revoke("s9", "ada", "0"), "already_revoked");
  assert.deepEqual((await feed()).map((entry) => entry.split(":").slice(3).join(":")), [
    "session:s1",
    "session:s9",
  ]);
});

test("revoke_subject leaves a mark that is never older than a session", async () => {
  await openSession();
  const revoke = (now: number) =>
    run(
      SCRIPTS.revokeSubject,
      ["subject:ada", "sessions:ada", "feed", "head"],
      [now, "ada", 30_000, 90_000, "session:", ...FEED_ARGS],
    );
  // A clock that runs behind the one that opened the session.
  assert.equal(Number(await revoke(NOW - 5_000)), NOW);
  assert.equal(await client.get("subject:ada"), String(NOW));
  assert.ok(await client.pttl("subject:ada") > 80_000);
  assert.match((await feed()).join(), new RegExp(`:subject:${NOW}:ada$`));
});

test("revoke_token marks a jti until it expires, longer if asked again", async () => {
  const revoke = (untilMs: number) =>
    run(SCRIPTS.revokeToken, ["token:x", "feed", "head"], [NOW, "x", untilMs, ...FEED_ARGS]);
  assert.equal(await revoke(NOW + 5_000), "revoked");
  assert.equal(await revoke(NOW + 1_000), "revoked");
  assert.equal((await feed()).length, 1);
  assert.equal(await revoke(NOW + 9_000), "revoked");
  assert.equal((await feed()).length, 2);
  assert.equal(await client.get("token:x"), String(NOW + 9_000));
  assert.ok(await client.pttl("token:x") <= 9_000);
});

test("revocations_since gives what is behind a place, in pages, and everything to strangers", async () => {
  const read = (...place: readonly unknown[]) =>
    run(SCRIPTS.revocationsSince, ["feed", "head"], [NOW, 2, ...place]) as Promise<string[]>;
  assert.deepEqual((await read("start", "", 0, "")).slice(0, 2), ["0", "0"]);
  for (const jti of ["a", "b", "c"]) {
    await run(SCRIPTS.revokeToken, [`token:${jti}`, "feed", "head"], [
      NOW,
      jti,
      NOW + 5_000,
      NOW,
      `1${jti}`,
      "ee",
      "60000",
      "100",
      "1000000",
    ]);
  }
  const [reset, more, epoch, seq, id, ...entries] = await read("start", "", 0, "");
  assert.deepEqual([reset, more, epoch, seq, id], ["0", "1", "ee", "2", "1b"]);
  assert.equal(entries.length, 2);
  const rest = await read("place", epoch, seq, id);
  assert.deepEqual(rest.slice(0, 5), ["0", "0", "ee", "3", "1c"]);
  assert.match(rest.slice(5).join(), /:token:c$/);
  assert.equal((await read("place", "another", 3, "1c"))[0], "1", "another epoch");
  assert.equal((await read("place", "ee", 3, "zz"))[0], "1", "another history of the same epoch");
  assert.equal((await read("unreadable"))[0], "1");
});

test("token_status answers several asks in order", async () => {
  await openSession();
  await client.set("token:bad", "1");
  await client.set("departed:s9", "1");
  const keys = (
    sid: string,
    jti: string,
  ) => [`session:${sid}`, `departed:${sid}`, "subject:ada", `token:${jti}`];
  const ask = () =>
    run(
      SCRIPTS.tokenStatus,
      [
        ...keys("s1", "a1"),
        ...keys("s1", "bad"),
        ...keys("s9", "x"),
        ...keys("s2", "x"),
        ...keys("s1", "a1"),
      ],
      ["ada", "ada", "ada", "ada", "bob"],
    );
  assert.deepEqual(await ask(), ["live", "revoked", "revoked", "unknown", "unknown"]);
  await client.set("subject:ada", String(NOW));
  assert.deepEqual(((await ask()) as string[])[0], "revoked");
});

test("read_session and list_sessions show what stands, and nothing else", async () => {
  await openSession("s1");
  await openSession("s2");
  const read = (sid: string) => run(SCRIPTS.readSession, [`session:${sid}`], ["subject:"]);
  const list = () =>
    run(SCRIPTS.listSessions, ["sessions:ada", "subject:ada"], ["session:"]) as Promise<string[][]>;
  assert.deepEqual(await read("s1"), FIELDS.map(String));
  assert.deepEqual(await read("s3"), []);
  assert.deepEqual((await list()).map(([sid]) => sid).sort(), ["s1", "s2"]);
  await client.hset("session:s1", "revokedAt", "1");
  await client.del("session:s2");
  assert.deepEqual(await read("s1"), []);
  assert.deepEqual(await list(), []);
  assert.deepEqual(await client.zrange("sessions:ada", "0", "-1"), [], "the index is tidied");
});

test("count_attempt takes from all counters or from none; refund_attempt gives one back", async () => {
  const count = () => run(SCRIPTS.countAttempt, ["attempt:a", "attempt:b"], [60_000, 2, 5]);
  assert.equal(await count(), -1);
  assert.equal(await count(), -1);
  const wait = Number(await count());
  assert.ok(wait > 0 && wait <= 60_000);
  assert.deepEqual(await client.mget("attempt:a", "attempt:b"), ["2", "2"]);
  assert.ok(await client.pttl("attempt:b") > 0);
  assert.equal(await run(SCRIPTS.refundAttempt, ["attempt:a", "attempt:c"], []), 1);
  assert.equal(await client.get("attempt:a"), "1");
  assert.equal(await client.exists("attempt:c"), 0);
});

test("probe writes, reads back and leaves nothing for long", async () => {
  assert.equal(await run(SCRIPTS.probe, ["probe"], [1000]), "ready");
  assert.ok(await client.pttl("probe") <= 1000);
});

test("every script has a test, and none asks Redis for the time or for chance", () => {
  const names = [
    "open",
    "rotate",
    "revokeSession",
    "revokeSubject",
    "revokeToken",
    "revocationsSince",
    "tokenStatus",
    "readSession",
    "listSessions",
    "countAttempt",
    "refundAttempt",
    "probe",
  ];
  assert.deepEqual(Object.keys(SCRIPTS), names);
  for (const { source } of Object.values(SCRIPTS)) {
    assert.doesNotMatch(source, /"TIME"|math\.random/i);
  }
  return Promise.resolve();
});
