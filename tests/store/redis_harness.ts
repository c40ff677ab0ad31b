/**
 * Redis stores on a real Redis.
 *
 * @module
 */
import type { SessionStore } from "../../src/store/port.ts";
import { createRedisStore } from "../../src/store/redis/store.ts";
import type { RedisStoreOptions } from "../../src/store/redis/store.ts";
import { createTestClock } from "../support/clock.ts";
import type { RedisServer } from "../support/redis.ts";
import type { StoreHarness } from "./contract.ts";
import { shortenLives } from "./upstash_harness.ts";

/** A {@link StoreHarness} that also tells which keys are its own. */
export interface RedisHarness extends StoreHarness {
  /** Begins all of its keys. */
  readonly space: string;
}

/** An empty store: each has a prefix of its own. */
export function createRedisHarness(
  redis: Pick<RedisServer, "port" | "client">,
  options: Partial<RedisStoreOptions> = {},
): Promise<RedisHarness> {
  const clock = createTestClock();
  const prefix = options.prefix ?? `test-${crypto.randomUUID()}`;
  const opened: SessionStore[] = [];
  const another = () => {
    const store = createRedisStore({
      url: `redis://127.0.0.1:${redis.port}`,
      clock,
      commandTimeoutMs: 5_000,
      ...options,
      prefix,
    });
    opened.push(store);
    return store;
  };
  return Promise.resolve({
    space: `{${prefix}}`,
    store: another(),
    another,
    clock,
    async advance(ms) {
      clock.advance(ms);
      await shortenLives(redis.client, `{${prefix}}`, ms);
    },
    async dispose() {
      for (const store of opened) await store.close();
    },
  });
}
