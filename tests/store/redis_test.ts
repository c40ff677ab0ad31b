import assert from "node:assert/strict";
import { v4 } from "uuid";
import { StoreUnavailableError } from "../../src/base/errors.ts";
import { StoreRejectedError } from "../../src/store/port.ts";
import type { SessionStore } from "../../src/store/port.ts";
import { parseRedisUrl } from "../../src/store/redis/address.ts";
import { createRedisStore } from "../../src/store/redis/store.ts";
import { freePort } from "../support/ports.ts";
import { startRedis } from "../support/redis.ts";
import { startRedisCluster, startSentinels } from "../support/redis_topology.ts";
import { report } from "../support/report.ts";
import { selfSigned } from "../support/tls.ts";
import { until } from "../support/until.ts";
import { describeStore } from "./contract.ts";
import {
  DENY_FOR_MS,
  listOf,
  openSession,
  revokeSession,
  revokeSubject,
  rotateOnce,
  statusOf,
} from "./fixtures.ts";
import { checkModel } from "./model.ts";
import { createRedisHarness } from "./redis_harness.ts";
import type { RedisHarness } from "./redis_harness.ts";

const redis = await startRedis({ persistent: true });
Deno.test.afterAll(() => redis.stop());

describeStore("redis store", () => createRedisHarness(redis));

Deno.test("redis store: random histories go as the model of a session says", async () => {
  await checkModel(() => createRedisHarness(redis), 30);
});

/** A session lived through: what every topology must be able to do. */
async function live({ store, clock }: RedisHarness): Promise<void> {
  const session = await openSession(store, clock);
  const rotated = await rotateOnce(store, clock, session);
  await store.bind(session.sid, { jkt: "k", by: "dbsc" });
  assert.equal(await statusOf(store, rotated), "live");
  assert.equal((await listOf(store, session.subject)).length, 1);
  assert.equal(await store.countSessions(session.subject), 1);
  let found = 0;
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<SessionStore["listSessions"]>> = await store.listSessions({
      after,
      limit: 100,
    });
    found += page.sessions.length;
    after = page.next;
  } while (after !== null);
  assert.equal(found, 1);
  const attempt = { id: v4(), counters: [{ key: "a", limit: 3 }], windowMs: 60_000 };
  await store.reserveAttempt({ ...attempt, holdMs: 10_000 });
  await store.settleAttempt({ ...attempt, result: "failed" });
  await store.reserveAttempt({ id: v4(), counters: [], windowMs: 60_000, holdMs: 10_000 });
  await store.revokeToken({ jti: v4(), untilMs: clock() + DENY_FOR_MS });
  await revokeSession(store, session, { mustExist: true });
  await revokeSubject(store, session.subject);
  assert.equal((await store.revocationsSince(null)).entries.length, 3);
}

Deno.test("redis store: every key begins with one hash tag, and expires by itself", async () => {
  const harness = await createRedisHarness(redis);
  await live(harness);
  const keys = await redis.client.keys(`*${harness.space.slice(1, -1)}*`);
  assert.ok(keys.length >= 5, keys.join());
  for (const key of keys) {
    assert.ok(key.startsWith(`${harness.space}:`), key);
    assert.ok(await redis.client.pttl(key) > 0, `${key} lives for ever`);
  }
  await harness.dispose();
});

Deno.test("redis store: forgotten scripts are sent again, a killed Redis is an outage and then none", async () => {
  const server = await startRedis({ persistent: true });
  const harness = await createRedisHarness(server, { commandTimeoutMs: 300 });
  try {
    const { store, clock } = harness;
    const session = await openSession(store, clock);
    await server.client.script("FLUSH");
    const rotated = await rotateOnce(store, clock, session);
    await server.kill();
    const beganAtMs = performance.now();
    await assert.rejects(store.readSession(session.sid), StoreUnavailableError);
    assert.ok(performance.now() - beganAtMs < 5_000);
    await server.restart();
    await until(
      async () => (await store.readSession(session.sid).catch(() => null)) !== null,
      "it is back, and nothing is lost",
    );
    await rotateOnce(store, clock, rotated);
  } finally {
    await harness.dispose();
    await server.stop();
  }
});

Deno.test("redis store: a silent Redis is an outage within three time limits", async () => {
  // It accepts connections and says nothing.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) accepted.push(conn);
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const store = createRedisStore({ url: `redis://127.0.0.1:${port}`, commandTimeoutMs: 200 });
  const beganAtMs = performance.now();
  await assert.rejects(store.probe(), StoreUnavailableError);
  const tookMs = performance.now() - beganAtMs;
  assert.ok(tookMs >= 190 && tookMs < 3_000, `${tookMs} ms`);
  await store.close();
  listener.close();
  await accepting;
  for (const conn of accepted) conn.close();
});

Deno.test("redis store: an ACL user needs no more than the message says", async () => {
  const server = await startRedis();
  const prefix = "front";
  await server.client.call(
    "ACL",
    "SETUSER",
    "postern",
    "on",
    ">s3cret p@ss",
    ...["-@all", "+@read", "+@write", "+@scripting", "+@pubsub", "~{front}:*", "&{front}:*"],
  );
  await server.client.call("ACL", "SETUSER", "reader", "on", ">x", "-@all", "+@read", "~*");
  const urlOf = (login: string) => `redis://${login}@127.0.0.1:${server.port}`;
  const rejected = async (url: string, message: RegExp) => {
    const store = createRedisStore({ url, prefix, commandTimeoutMs: 1_000 });
    await assert.rejects(store.probe(), (error: Error) => {
      assert.ok(error instanceof StoreRejectedError, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /s3cret|wr0ng/);
      return true;
    });
    await store.close();
  };
  try {
    const url = urlOf(`postern:${encodeURIComponent("s3cret p@ss")}`);
    const harness = await createRedisHarness(server, { url, prefix });
    assert.deepEqual(await harness.store.probe(), []);
    await live(harness);
    await harness.dispose();
    await rejected(urlOf("postern:wr0ng"), /does not accept this user and password/);
    await rejected(urlOf("reader:x"), /may not do what Postern has to do.*\+@write/);
    await server.client.call("CONFIG", "SET", "requirepass", "s3cret");
    await rejected(`redis://127.0.0.1:${server.port}`, /does not accept this user and password/);
  } finally {
    await server.stop();
  }
});

Deno.test("redis store: TLS with an authority of one's own, and none without it", async () => {
  const tls = await selfSigned("localhost");
  const port = freePort();
  const server = await startRedis({
    args: [
      ...["--tls-port", String(port), "--tls-cert-file", tls.certPath],
      ...["--tls-key-file", tls.keyPath, "--tls-ca-cert-file", tls.certPath],
      ...["--tls-auth-clients", "no"],
    ],
  });
  try {
    const url = `rediss://localhost:${port}`;
    const harness = await createRedisHarness(server, { url, ca: tls.cert });
    await live(harness);
    await harness.dispose();
    const stranger = createRedisStore({ url, commandTimeoutMs: 500 });
    await assert.rejects(stranger.probe(), StoreUnavailableError);
    await stranger.close();
  } finally {
    await server.stop();
    await tls.remove();
  }
});

Deno.test("redis store: a cluster keeps everything in one slot; a node alone says what to write", async () => {
  const cluster = await startRedisCluster();
  try {
    const [first] = cluster.servers;
    if (first === undefined) return assert.fail("a cluster has nodes");
    const harness = await createRedisHarness(first, { url: cluster.url });
    assert.deepEqual(await harness.store.probe(), []);
    await live(harness);
    await harness.dispose();
    let refused = 0;
    for (const { port } of cluster.servers) {
      const store = createRedisStore({ url: `redis://127.0.0.1:${port}` });
      await store.probe().catch((error: Error) => {
        assert.ok(error instanceof StoreRejectedError, String(error));
        assert.match(error.message, /redis\+cluster:\/\//);
        refused++;
      });
      await store.close();
    }
    assert.equal(refused, 2, "all but the one that has the slot");
  } finally {
    await cluster.stop();
  }
});

Deno.test("redis store: Sentinels tell of a new primary, and the same sessions go on there", async () => {
  const sentinels = await startSentinels();
  try {
    const [primary] = sentinels.servers;
    if (primary === undefined) return assert.fail("there is a primary");
    const harness = await createRedisHarness(primary, {
      url: sentinels.url,
      commandTimeoutMs: 500,
    });
    const { store, clock } = harness;
    const session = await openSession(store, clock);
    const before = await sentinels.primaryPort();
    await until(
      async () => /state=online,offset/.test(String(await primary.client.info("replication"))),
      "the replica has it, too",
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    await primary.kill();
    const beganAtMs = performance.now();
    let refused = 0;
    await until(
      async () => {
        const read = await store.readSession(session.sid).catch((error: unknown) => {
          assert.ok(error instanceof StoreUnavailableError, String(error));
          refused++;
          return null;
        });
        return read !== null;
      },
      "the replica has taken over",
      20_000,
    );
    report(
      `Redis failed over behind Sentinels: open again after ` +
        `${((performance.now() - beganAtMs) / 1000).toFixed(1)} s, ${refused} asks refused`,
    );
    await until(async () => await sentinels.primaryPort() !== before, "all Sentinels know it");
    await rotateOnce(store, clock, session);
    await harness.dispose();
  } finally {
    await sentinels.stop();
  }
});

Deno.test("REDIS_URL in all its forms, and what is none is refused by name", () => {
  assert.deepEqual(parseRedisUrl("redis://localhost"), {
    kind: "single",
    tls: false,
    nodes: [{ host: "localhost", port: 6379 }],
    username: null,
    password: null,
    master: null,
    database: 0,
  });
  assert.deepEqual(parseRedisUrl(" rediss://ada:p%40ss%3Aword@[2001:db8::1]:6380/7 \n"), {
    kind: "single",
    tls: true,
    nodes: [{ host: "2001:db8::1", port: 6380 }],
    username: "ada",
    password: "p@ss:word",
    master: null,
    database: 7,
  });
  assert.equal(parseRedisUrl("redis://:secret@h").password, "secret");
  assert.deepEqual(parseRedisUrl("redis+sentinel://a,b:1/main/3").nodes, [
    { host: "a", port: 26379 },
    { host: "b", port: 1 },
  ]);
  assert.equal(parseRedisUrl("redis+sentinel://a,b:1/main/3").master, "main");
  const wrong = [
    "",
    "localhost:6379",
    "http://localhost",
    "redis://a,b",
    "redis://a/x",
    "redis://a/0/1",
    "redis://a:99999",
    "redis://a:0",
    "redis+sentinel://a:1",
    "redis+cluster://a/3",
    "redis+other://a",
    "redis://hunter2%zz:x@a",
    "redis://a?x=hunter2",
  ];
  for (const text of wrong) {
    assert.throws(() => parseRedisUrl(text), (error: Error) => {
      assert.ok(error instanceof StoreRejectedError, text);
      assert.match(error.message, /^REDIS_URL: /);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});
