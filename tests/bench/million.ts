/**
 * What a store costs with very many sessions in it: the embedded one, or a Redis of one's own.
 *
 *     deno run -A tests/bench/million.ts [sessions] [sqlite | redis]
 *
 * @module
 */
import { v4 } from "uuid";
import { systemClock } from "../../src/base/clock.ts";
import type { SessionRecord } from "../../src/base/session.ts";
import type { SessionStore } from "../../src/store/port.ts";
import { createRedisStore } from "../../src/store/redis/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { startRedis } from "../support/redis.ts";
import { LIMITS, newSession, revokeSubject, rotationOf, statusOf } from "../store/fixtures.ts";

const COUNT = Number(Deno.args[0] ?? 1_000_000);
const KIND = Deno.args[1] ?? "sqlite";
const BATCH = 2_000;
const ROUNDS = 200;

const print = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

/** A store, and how many bytes are in it. */
interface Measured {
  readonly store: SessionStore;
  size(): Promise<number>;
  stop(): Promise<void>;
}

async function sqlite(): Promise<Measured> {
  const folder = await Deno.makeTempDir({ prefix: "postern-million-" });
  const path = `${folder}/postern.db`;
  return {
    store: openSqliteStore({ path }),
    size: async () => (await Deno.stat(path)).size,
    stop: () => Deno.remove(folder, { recursive: true }),
  };
}

async function redis(): Promise<Measured> {
  const server = await startRedis();
  return {
    store: createRedisStore({
      url: `redis://127.0.0.1:${server.port}`,
      clock: systemClock,
      commandTimeoutMs: 60_000,
      prefix: "million",
    }),
    size: async () => Number(/used_memory:(\d+)/.exec(await server.client.info("memory"))?.[1]),
    stop: () => server.stop(),
  };
}

const { store, size, stop } = KIND === "redis" ? await redis() : await sqlite();

const kept: SessionRecord[] = [];
const beganAtMs = performance.now();
for (let done = 0; done < COUNT; done += BATCH) {
  const sessions = Array.from(
    { length: Math.min(BATCH, COUNT - done) },
    // One in a hundred is of somebody with ten thousand of them.
    (_, i) => newSession(systemClock, { subject: i % 100 === 0 ? "many" : `s${done + i}` }),
  );
  await Promise.all(
    sessions.map((session) => store.open(session, { ...LIMITS, maxSessions: 100_000 })),
  );
  const [first] = sessions;
  if (first !== undefined) {
    kept.push({
      ...first,
      lastSeenAtMs: first.createdAtMs,
      latestExp: first.current.accessExpiresAtSeconds,
    });
  }
}
const openedMs = performance.now() - beganAtMs;
print(
  `${COUNT.toLocaleString("en")} sessions opened in ${(openedMs / 1000).toFixed(0)} s, ` +
    `${(await size() / COUNT).toFixed(0)} bytes each`,
);
print("| operation | median ms | 99 % ms |");
print("| --- | ---: | ---: |");

async function measure(name: string, work: (turn: number) => Promise<unknown>): Promise<void> {
  const tookMs: number[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    const startMs = performance.now();
    await work(turn);
    tookMs.push(performance.now() - startMs);
  }
  tookMs.sort((a, b) => a - b);
  const at = (share: number) => (tookMs[Math.floor(ROUNDS * share)] ?? 0).toFixed(2);
  print(`| ${name} | ${at(0.5)} | ${at(0.99)} |`);
}

const pick = (turn: number) => kept[turn % kept.length] as SessionRecord;
await measure("open", () => store.open(newSession(systemClock, { subject: v4() }), LIMITS));
await measure(
  "open, of a subject with 10,000, limit 100",
  () => store.open(newSession(systemClock, { subject: "many" }), LIMITS),
);
await measure("rotate", async (turn) => {
  const known = await store.readSession(pick(turn * 7).sid);
  if (known !== null) await store.rotate(rotationOf(systemClock, known));
});
await measure("read", (turn) => store.readSession(pick(turn).sid));
await measure("strict ask", (turn) => statusOf(store, pick(turn)));
await measure("feed, nothing new", () => store.revocationsSince(null));
await measure("page of all sessions (100)", () => store.listSessions({ after: null, limit: 100 }));
await measure(
  "page of one subject of 10,000 (100)",
  () => store.listSessions({ subject: "many", after: null, limit: 100 }),
);
await measure("count of one subject of 10,000", () => store.countSessions("many"));
await measure("revoke a subject", (turn) => revokeSubject(store, `s${turn}`));
await measure(
  "revoke a session",
  (turn) => store.revokeSession({ sid: pick(turn + 100).sid, denyForMs: 60_000, mustExist: true }),
);
await store.close();
await stop();
