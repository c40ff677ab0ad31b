/**
 * Each Lua script by itself, on a real Redis: the KEYS and ARGV that its file
 * documents, what it returns and what it leaves behind.
 */
import assert from "node:assert/strict";
import { type Script, SCRIPTS } from "../../src/store/scripts/scripts.ts";
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
  "g1 g2",
  "",
  "",
  NOW / 1000 + 1_800,
  "r1",
  "a1",
  NOW / 1000,
  NOW / 1000 + 1_800,
  1_802_592_000,
];

function openSession(sid = "s1", maxSessions = 100) {
  return run(SCRIPTS.open, [`session:${sid}`, "list:ada", "horizon", "feed", "head"], [
    NOW,
    60_000,
    sid,
    "",
    60_000,
    maxSessions,
    16,
    30_000,
    ...FEED_ARGS,
    ...FIELDS,
  ]);
}

function rotate(
  presented: string,
  next: string,
  { graceMs = 10_000, claims = "", jkt = "" } = {},
) {
  return run(
    SCRIPTS.rotate,
    ["session:s1", `successor:s1:${presented}`, "list:ada", "horizon", "feed", "head"],
    [
      NOW + 1000,
      "s1",
      "ada",
      presented,
      next,
      `access-${next}`,
      NOW / 1000,
      NOW / 1000 + 1_900,
      1_802_600_000,
      graceMs,
      30_000,
      60_000,
      "",
      "g1",
      claims,
      "keep",
      "",
      jkt,
      ...FEED_ARGS,
    ],
  ) as Promise<string[]>;
}

const feed = () => client.lrange("feed", 0, -1);

test("open records a sign-in once, and none that is older than the subject's mark", async () => {
  assert.deepEqual(await openSession(), ["opened"]);
  assert.equal(await client.hget("session:s1", "refreshJti"), "r1");
  assert.ok(await client.pttl("session:s1") > 50_000);
  assert.deepEqual(await client.zrange("list:ada", "0", "-1"), ["s1"]);
  await client.hset("session:s1", "revokedAt", "1");
  assert.deepEqual(await openSession(), ["opened"]);
  assert.equal(await client.hget("session:s1", "revokedAt"), "1", "nothing is brought back");
  await client.set("group:g2", String(NOW));
  assert.deepEqual(await openSession("s2"), ["superseded", String(NOW)]);
  assert.equal(await client.exists("session:s2"), 0);
});

test("open ends the oldest sessions beyond the limit, and tells the feed", async () => {
  await openSession("s1");
  await openSession("s2");
  await client.hset("session:s1", "createdAt", String(NOW - 5));
  await client.zadd("list:ada", NOW - 5, "s1");
  const reply = (await openSession("s3", 2)) as string[];
  assert.deepEqual(reply, ["opened", "s1", String(NOW + 1_860_000)]);
  assert.match((await feed()).join(), new RegExp(`:${NOW + 1_860_000}:session:s1$`));
  assert.deepEqual(await client.zrange("list:ada", "0", "-1"), ["s2", "s3"]);
});

test("rotate spends a token, answers again while it may, tells reuse after it", async () => {
  await openSession();
  const [kind, ...rotated] = await rotate("r1", "r2");
  assert.equal(kind, "rotated");
  const generation = ["r2", "access-r2", NOW / 1000, NOW / 1000 + 1_900, 1_802_600_000];
  assert.deepEqual(rotated.slice(-5), generation.map(String));
  const again = await rotate("r1", "other");
  assert.equal(again[0], "replayed");
  assert.equal(again.at(-5), "r2");
  await client.del("successor:s1:r1");
  assert.equal((await rotate("r1", "other"))[0], "replayed", "nobody has presented r2");
  const [, claims] = (await rotate("r2", "r3", { claims: '{"a":1}' })).slice(1);
  assert.equal(claims, '{"a":1}');
  const reused = await rotate("r1", "x");
  assert.deepEqual(reused.slice(0, 3), ["reused", String(NOW + 1_960_000), "ada"]);
  assert.match((await feed()).join(), new RegExp(`^1:aa:${NOW + 1_960_000}:session:s1$`));
  assert.deepEqual(await rotate("r3", "r4"), ["revoked"]);
  await client.del("session:s1");
  assert.deepEqual(await rotate("r3", "r4"), ["unknown"]);
});

test("a record from before groups is in those of its token, and under its subject's old mark", async () => {
  const older = async () => {
    await client.flushall();
    await openSession();
    await client.hdel("session:s1", "groups", "bound", "sealed", "latestExp", "accessExpiresAt");
  };
  await older();
  const [kind, ...fields] = await rotate("r1", "r2");
  assert.equal(kind, "rotated");
  assert.equal(fields[7], "g1", "taken from the token");
  assert.equal(fields[10], "1802592000", "its access tokens may have lived as long as that");
  await older();
  await client.set("subject:ada", String(NOW));
  assert.deepEqual(await rotate("r1", "r2"), ["revoked"]);
  await older();
  await client.set("group:g1", String(NOW));
  assert.deepEqual(await rotate("r1", "r2"), ["revoked"]);
});

test("bind takes the first key, and no other", async () => {
  await openSession();
  const bind = (jkt: string) => run(SCRIPTS.bind, ["session:s1"], [NOW, "", "dbsc", jkt]);
  assert.equal(await bind("k 1"), "bound");
  assert.equal(await bind("k 1"), "bound");
  assert.equal(await bind("k"), "already");
  assert.equal(await client.hget("session:s1", "bound"), "dbsc k 1");
  for (const jkt of ["", "k", "dbsc k 1"]) {
    assert.deepEqual(await rotate("r1", "r2", { jkt }), ["unproven", "dbsc k 1"]);
  }
  assert.equal((await rotate("r1", "r2", { jkt: "k 1" }))[0], "rotated");
  await client.hset("session:s1", "revokedAt", "1");
  assert.equal(await bind("k 1"), "gone");
});

test("revoke_session marks it, tells the feed once, and reaches one that has gone", async () => {
  await openSession();
  const revoke = (sid: string, subject: string | null, mustExist: "0" | "1") =>
    run(
      SCRIPTS.revokeSession,
      [`session:${sid}`, `departed:${sid}`, "horizon", "feed", "head"],
      [
        NOW,
        sid,
        subject === null ? "0" : "1",
        subject ?? "",
        30_000,
        mustExist,
        "",
        60_000,
        ...FEED_ARGS,
      ],
    );
  const until = String(NOW + 1_860_000);
  assert.deepEqual(await revoke("s1", "bob", "1"), ["not_found"]);
  assert.deepEqual(await revoke("s1", "ada", "1"), ["revoked", until, "ada", "1"]);
  assert.deepEqual(await revoke("s1", null, "1"), ["already_revoked", until, "ada", "1"]);
  assert.deepEqual(await client.zrange("list:ada", "0", "-1"), []);
  assert.deepEqual(await revoke("s9", "ada", "1"), ["not_found"]);
  assert.deepEqual(await revoke("s9", "ada", "0"), ["revoked", until, "", "0"]);
  assert.deepEqual(await revoke("s9", "ada", "0"), ["already_revoked", until, "", "0"]);
  assert.deepEqual((await feed()).map((entry) => entry.split(":").slice(3).join(":")), [
    "session:s1",
    "session:s9",
  ]);
});

test("revoke_group leaves a mark that is never older than a session, and lives as long", async () => {
  await openSession();
  const revoke = (now: number, notAfter: number | "" = "") =>
    run(
      SCRIPTS.revokeGroup,
      ["group:g2", "horizon", "feed", "head"],
      [now, "g2", notAfter, 30_000, 50_000, ...FEED_ARGS],
    );
  // A clock that runs behind the one that opened the session.
  assert.deepEqual(await revoke(NOW - 5_000), [String(NOW), String(NOW + 1_860_000)]);
  assert.equal(await client.get("group:g2"), String(NOW));
  // The session's record, and the slack that feed_args give.
  assert.ok(await client.pttl("group:g2") > 115_000);
  assert.match((await feed()).join(), new RegExp(`:group:${NOW}:g2$`));
  assert.equal(((await revoke(NOW, NOW - 9)) as string[])[0], String(NOW), "never earlier");
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
  assert.ok(await client.pttl("token:x") <= 69_000);
});

test("revocations_since gives what is behind a place, in pages, and everything to strangers", async () => {
  const read = (...place: readonly unknown[]) =>
    run(SCRIPTS.revocationsSince, ["feed", "head"], [2, ...place]) as Promise<string[]>;
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
  const keys = (sid: string, jti: string) => [`session:${sid}`, `departed:${sid}`, `token:${jti}`];
  const ask = () =>
    run(
      SCRIPTS.tokenStatus,
      [
        ...keys("s1", "a1"),
        ...keys("s1", "bad"),
        ...keys("s9", "x"),
        ...keys("s2", "x"),
        ...keys("s1", "a1"),
        ...keys("", "x"),
      ],
      [
        "",
        ...["1", "ada", NOW, "g1 g2"],
        ...["1", "ada", NOW, "g1 g2"],
        ...["1", "ada", NOW, "g1 g2"],
        ...["1", "ada", NOW, "g1 g2"],
        ...["1", "bob", NOW, "g1 g2"],
        ...["0", "ada", NOW, "g3"],
      ],
    ) as Promise<string[]>;
  const before = ["live", "revoked", "revoked", "unknown", "unknown", "unknown"];
  assert.deepEqual(await ask(), before);
  await client.set("group:g3", String(NOW));
  assert.deepEqual(await ask(), [...before.slice(0, 5), "revoked"]);
  await client.set("group:*", String(NOW));
  assert.deepEqual(new Set(await ask()), new Set(["revoked"]));
});

test("read_session, list_sessions and count_sessions show what stands, and nothing else", async () => {
  await openSession("s1");
  await openSession("s2");
  const read = (sid: string) => run(SCRIPTS.readSession, [`session:${sid}`], [""]);
  const list = (limit = 10) =>
    run(SCRIPTS.listSessions, ["list:ada"], [
      NOW,
      "",
      limit,
      50,
      "",
      "",
      "",
      "0",
      "",
      "",
    ]) as Promise<
      string[][]
    >;
  const count = () => run(SCRIPTS.countSessions, ["list:ada"], [""]);
  assert.deepEqual(await read("s1"), FIELDS.map(String));
  assert.deepEqual(await read("s3"), []);
  assert.deepEqual((await list()).map(([sid]) => sid), [undefined, "s2", "s1"]);
  assert.deepEqual((await list(1)).map(([sid]) => sid), [String(NOW), "s2"]);
  assert.equal(await count(), 2);
  await client.hset("session:s1", "revokedAt", "1");
  await client.del("session:s2");
  assert.deepEqual(await read("s1"), []);
  assert.deepEqual(await list(), [[]]);
  assert.deepEqual(await client.zrange("list:ada", "0", "-1"), [], "the index is tidied");
  assert.equal(await count(), 0);
});

test("scan_sessions goes through all there are", async () => {
  for (let i = 0; i < 30; i++) await openSession(`s${i}`);
  const seen = new Set<string>();
  let cursor = "0";
  do {
    const [next, ...rows] = await run(SCRIPTS.scanSessions, ["probe"], [
      NOW,
      "",
      5,
      8,
      cursor,
      "",
      "0",
      "",
      "",
    ]) as string[][];
    for (const [sid] of rows) seen.add(sid ?? "");
    cursor = next?.[0] ?? "0";
  } while (cursor !== "0");
  assert.equal(seen.size, 30);
});

test("reserve_attempt takes a place everywhere or nowhere; settle_attempt gives it back once", async () => {
  const counter = (key: string) => [`failure:${key}`, `wait:${key}`, `held:${key}`];
  const reserve = (id: string) =>
    run(SCRIPTS.reserveAttempt, [...counter("a"), ...counter("b")], [NOW, id, 60_000, 9_000, 2, 5]);
  const settle = (id: string, result: string, delay = [0, 0, 0]) =>
    run(SCRIPTS.settleAttempt, [`settled:${id}`, ...counter("a"), ...counter("b")], [
      id,
      result,
      60_000,
      30_000,
      ...delay,
      ...[0, 0, 0],
    ]);
  assert.equal(await reserve("1"), -1);
  assert.equal(await reserve("2"), -1);
  assert.equal(await reserve("2"), -1, "repeated");
  const wait = Number(await reserve("3"));
  assert.ok(wait > 0 && wait <= 9_000);
  assert.equal(await client.zcard("held:b"), 2);
  assert.equal(await settle("1", "failed"), 1);
  assert.equal(await settle("1", "failed"), 0);
  assert.equal(await settle("2", "succeeded"), 1);
  assert.deepEqual(await client.mget("failure:a", "failure:b"), ["1", "1"]);
  assert.equal(await client.exists("held:a"), 0);
  await reserve("4");
  await settle("4", "failed", [2, 5_000, 70_000]);
  assert.ok(await client.pttl("wait:a") > 0 && await client.pttl("wait:a") <= 5_000);
  assert.ok(Number(await reserve("5")) > 5_000, "full until the window ends");
});

test("probe writes, reads back and leaves nothing for long", async () => {
  assert.equal(await run(SCRIPTS.probe, ["probe"], [1000]), "ready");
  assert.ok(await client.pttl("probe") <= 1000);
});

test("every script has a test, and none asks Redis for the time or for chance", () => {
  const names = [
    "open",
    "rotate",
    "bind",
    "revokeSession",
    "revokeGroup",
    "revokeToken",
    "revocationsSince",
    "tokenStatus",
    "readSession",
    "listSessions",
    "scanSessions",
    "countSessions",
    "reserveAttempt",
    "settleAttempt",
    "probe",
  ];
  assert.deepEqual(Object.keys(SCRIPTS), names);
  for (const { source } of Object.values(SCRIPTS)) {
    assert.doesNotMatch(source, /"TIME"|math\.random/i);
  }
  return Promise.resolve();
});
