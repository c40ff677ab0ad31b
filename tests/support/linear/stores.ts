/**
 * The stores of the linearizability run: a Redis with a replica, reached over
 * Upstash's REST API or by itself, that can be cut, failed over, emptied and
 * put back to a snapshot.
 *
 * @module
 */
import type { RedisServer } from "../redis.ts";
import { startRedis } from "../redis.ts";
import { startTcpProxy } from "../tcp_proxy.ts";
import { until } from "../until.ts";
import { startUpstashRest } from "../upstash_rest.ts";
import { pause, type Random } from "./random.ts";

/** A store that can be harmed. */
export interface LinearStore {
  readonly config: { readonly kind: string };
  readonly env: Readonly<Record<string, string>>;
  /** Lets some answers get lost. */
  cut(random: Random): void;
  /** Makes the replica the primary, without loss; gateways meet `READONLY` for a moment. */
  failOver(): Promise<void>;
  flush(): Promise<void>;
  /** Keeps what there is now. */
  takeSnapshot(): Promise<void>;
  /** Puts back what was kept; `false`: nothing was. */
  restoreSnapshot(): Promise<boolean>;
  stop(): Promise<void>;
}

interface Kept {
  readonly key: string;
  readonly life: number;
  readonly value: Buffer;
}

/** Starts one. */
export async function startLinearStore(kind: "upstash" | "redis"): Promise<LinearStore> {
  const servers: RedisServer[] = [await startRedis(), await startRedis()];
  let [primary, replica] = servers as [RedisServer, RedisServer];
  await replica.client.call("REPLICAOF", "127.0.0.1", String(primary.port));
  const rest = await startUpstashRest({ redisPort: primary.port });
  const proxy = startTcpProxy(primary.port);
  let snapshot: Kept[] | null = null;

  const offsetOf = async (server: RedisServer, name: string) =>
    Number(new RegExp(`${name}:(\\d+)`).exec(await server.client.info("replication"))?.[1] ?? -1);

  return {
    config: { kind },
    env: kind === "upstash"
      ? { UPSTASH_REDIS_REST_URL: rest.url, UPSTASH_REDIS_REST_TOKEN: rest.token }
      : { REDIS_URL: `redis://127.0.0.1:${proxy.port}` },

    cut(random) {
      if (kind === "redis") return proxy.cut();
      const fault = random.chance(0.7) ? { cutAfterCommit: true } : { drop: true };
      Object.assign(rest.faults, { times: 1 + Math.floor(random() * 3) }, fault);
      if (random.chance(0.1)) rest.cutStreams(false);
    },

    async failOver() {
      await primary.client.call("CLIENT", "PAUSE", "20000", "WRITE");
      await until(
        async () =>
          await offsetOf(primary, "master_repl_offset") ===
            await offsetOf(replica, "slave_repl_offset"),
        "the replica has everything",
      );
      await replica.client.call("REPLICAOF", "NO", "ONE");
      await primary.client.call("REPLICAOF", "127.0.0.1", String(replica.port));
      await primary.client.call("CLIENT", "UNPAUSE");
      await pause(300);
      [primary, replica] = [replica, primary];
      rest.retarget(primary.port);
      proxy.retarget(primary.port);
    },

    async flush() {
      await primary.client.flushall();
    },

    async takeSnapshot() {
      const kept: Kept[] = [];
      await primary.client.call("CLIENT", "PAUSE", "20000", "WRITE");
      for (const key of await primary.client.keys("*")) {
        const [value, life] = await Promise.all([
          primary.client.dumpBuffer(key),
          primary.client.pttl(key),
        ]);
        if (value !== null) kept.push({ key, life, value });
      }
      await primary.client.call("CLIENT", "UNPAUSE");
      snapshot = kept;
    },

    async restoreSnapshot() {
      if (snapshot === null) return false;
      const work = primary.client.multi().flushall();
      for (const { key, life, value } of snapshot) {
        if (life !== -2) work.restore(key, Math.max(life, 0), value, "REPLACE");
      }
      await work.exec();
      return true;
    },

    async stop() {
      await rest.stop();
      await proxy.stop();
      for (const server of servers) await server.stop();
    },
  };
}
