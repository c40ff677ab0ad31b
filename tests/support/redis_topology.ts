/**
 * Redis as people run it who need more than one: a primary with replicas and
 * Sentinels, a cluster, TLS, an ACL.
 *
 * @module
 */
import { Redis } from "ioredis";
import { freePort } from "./ports.ts";
import { startRedis } from "./redis.ts";
import type { RedisServer } from "./redis.ts";
import { until } from "./until.ts";

/** A primary, one replica, and Sentinels that watch them. */
export interface Sentinels {
  /** As it stands in `REDIS_URL`. */
  readonly url: string;
  readonly servers: readonly RedisServer[];
  /** Port of the server that is the primary now. */
  primaryPort(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a primary with a replica and three Sentinels that fail over in about a second. */
export async function startSentinels(): Promise<Sentinels> {
  const primary = await startRedis();
  const replica = await startRedis({ args: ["--replicaof", `127.0.0.1 ${primary.port}`] });
  const folder = await Deno.makeTempDir({ prefix: "postern-sentinel-" });
  const ports = [freePort(), freePort(), freePort()];
  const children: Deno.ChildProcess[] = [];
  for (const port of ports) {
    const path = `${folder}/${port}.conf`;
    await Deno.writeTextFile(
      path,
      [
        `port ${port}`,
        "bind 127.0.0.1",
        `dir ${folder}`,
        `sentinel monitor main 127.0.0.1 ${primary.port} 2`,
        "sentinel down-after-milliseconds main 500",
        "sentinel failover-timeout main 3000",
        "sentinel parallel-syncs main 1",
      ].join("\n"),
    );
    children.push(
      new Deno.Command("redis-server", {
        args: [path, "--sentinel"],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn(),
    );
  }
  const client = new Redis({ port: ports[0] ?? 0, retryStrategy: () => 50 });
  client.on("error", () => {});
  const field = async (name: string): Promise<string> => {
    const reply = await client.call("SENTINEL", "MASTER", "main") as string[];
    return reply[reply.indexOf(name) + 1] ?? "";
  };
  await until(
    async () => await field("num-slaves") === "1" && await field("num-other-sentinels") === "2",
    "the Sentinels know each other",
  );
  return {
    url: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(",")}/main`,
    servers: [primary, replica],
    primaryPort: async () => Number(await field("port")),
    async stop() {
      client.disconnect();
      for (const child of children) {
        child.kill("SIGKILL");
        await child.status;
      }
      await primary.stop();
      await replica.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Three nodes that share the slots. */
export interface RedisCluster {
  readonly url: string;
  readonly servers: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Starts a cluster of three primaries. */
export async function startRedisCluster(): Promise<RedisCluster> {
  // By itself the bus listens 10,000 higher, where outgoing connections have their ports.
  const buses = [freePort(), freePort(), freePort()];
  const servers = await Promise.all(
    buses.map((bus) =>
      startRedis({ args: ["--cluster-enabled", "yes", "--cluster-port", String(bus)] })
    ),
  );
  const [first] = servers;
  const ranges = [[0, 5460], [5461, 10922], [10923, 16383]];
  for (const [index, server] of servers.entries()) {
    await server.client.call("CLUSTER", "ADDSLOTSRANGE", ...(ranges[index] ?? []).map(String));
    await server.client.call("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
  }
  for (const server of servers.slice(1)) {
    await server.client.call("CLUSTER", "MEET", "127.0.0.1", String(first?.port), String(buses[0]));
  }
  for (const { client } of servers) {
    await until(
      async () =>
        String(await client.call("CLUSTER", "INFO")).includes("cluster_state:ok") &&
        String(await client.call("CLUSTER", "INFO")).includes("cluster_known_nodes:3"),
      "the cluster stands",
    );
  }
  return {
    url: `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
    servers,
    async stop() {
      for (const server of servers) await server.stop();
    },
  };
}
