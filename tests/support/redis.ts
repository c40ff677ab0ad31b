/**
 * A real `redis-server` of the test's own.
 *
 * @module
 */
import { Redis } from "ioredis";
import { freePort } from "./ports.ts";

/** How the server keeps its data. */
export interface RedisOptions {
  readonly port?: number;
  /** Keep everything on disk, so that {@link RedisServer.restart} brings it back. */
  readonly persistent?: boolean;
  /** Further directives, such as `["--maxmemory", "10mb"]`. */
  readonly args?: readonly string[];
}

/** A running server. */
export interface RedisServer {
  readonly port: number;
  /** A client for looking around. */
  readonly client: Redis;
  /** SIGKILL: nothing is written any more. */
  kill(): Promise<void>;
  /** Starts it again on the same port, after {@link RedisServer.kill}. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server on a port of 127.0.0.1. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const port = options.port ?? freePort();
  const folder = await Deno.makeTempDir({ prefix: "postern-redis-" });
  const log = `${folder}/redis.log`;
  let child = spawn();

  function spawn(): Deno.ChildProcess {
    return new Deno.Command("redis-server", {
      args: [
        ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
        ...["--logfile", log],
        ...["--appendonly", options.persistent === true ? "yes" : "no", "--appendfsync", "always"],
        ...(options.args ?? []),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  async function ready(): Promise<void> {
    for (let tries = 0; tries < 500; tries++) {
      const probe = new Redis({ port, lazyConnect: true, retryStrategy: () => null });
      probe.on("error", () => {});
      try {
        await probe.connect();
        await probe.ping();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      } finally {
        probe.disconnect();
      }
    }
    throw new Error(`redis-server did not start: ${await Deno.readTextFile(log)}`);
  }

  async function kill(): Promise<void> {
    child.kill("SIGKILL");
    await child.status;
  }

  await ready();
  const client = new Redis({ port, retryStrategy: () => 50 });
  client.on("error", () => {});
  return {
    port,
    client,
    kill,
    async restart() {
      child = spawn();
      await ready();
    },
    async stop() {
      client.disconnect();
      await kill().catch(() => {});
      await Deno.remove(folder, { recursive: true });
    },
  };
}
