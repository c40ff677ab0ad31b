/**
 * Upstash stores on a real Redis, behind the REST endpoint, through the real client.
 *
 * @module
 */
import type { Redis } from "ioredis";
import type { SessionStore } from "../../src/store/port.ts";
import { createUpstashStore } from "../../src/store/upstash/store.ts";
import type { UpstashOptions } from "../../src/store/upstash/store.ts";
import { createTestClock } from "../support/clock.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { startUpstashRest } from "../support/upstash_rest.ts";
import type { UpstashRest } from "../support/upstash_rest.ts";
import type { StoreHarness } from "./contract.ts";

/** A Redis and its endpoint, for all tests of a file. */
export interface UpstashGround {
  readonly redis: RedisServer;
  readonly rest: UpstashRest;
  stop(): Promise<void>;
}

/** Starts a Redis and its endpoint. */
export async function layUpstashGround(
  options: Parameters<typeof startRedis>[0] = {},
): Promise<UpstashGround> {
  const redis = await startRedis(options);
  const rest = await startUpstashRest({ redisPort: redis.port });
  return {
    redis,
    rest,
    async stop() {
      await rest.stop();
      await redis.stop();
    },
  };
}

/** A {@link StoreHarness} that also tells which keys are its own. */
export interface UpstashHarness extends StoreHarness {
  readonly prefix: string;
}

/** An empty store: each has a prefix of its own. */
export function createUpstashHarness(
  { redis, rest }: UpstashGround,
  options: Partial<UpstashOptions> = {},
): Promise<UpstashHarness> {
  const clock = createTestClock();
  const prefix = `test-${crypto.randomUUID()}`;
  const opened: SessionStore[] = [];
  const another = () => {
    const store = createUpstashStore({
      url: rest.url,
      token: rest.token,
      prefix,
      clock,
      commandTimeoutMs: 5_000,
      ...options,
    });
    opened.push(store);
    return store;
  };
  return Promise.resolve({
    prefix,
    store: another(),
    another,
    clock,
    async advance(ms) {
      clock.advance(ms);
      await shortenLives(redis.client, prefix, ms);
    },
    async dispose() {
      for (const store of opened) await store.close();
    },
  });
}

/** Lets time pass for what Redis itself lets expire. */
export async function shortenLives(client: Redis, prefix: string, ms: number): Promise<void> {
  for (const key of await client.keys(`${prefix}:*`)) {
    const left = await client.pttl(key);
    if (left < 0) continue;
    if (left <= ms) await client.del(key);
    else await client.pexpire(key, left - ms);
  }
}
