/**
 * The Redis adapter: sessions and the blacklist in a Redis (or Valkey) of one's
 * own. It speaks the Redis protocol, so it is for runtimes that can hold a
 * connection.
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { type SessionStore, StoreRejectedError } from "../port.ts";
import { createKeys, PREFIX } from "../scripts/keys.ts";
import { createScriptStore } from "../scripts/store.ts";
import { parseRedisUrl } from "./address.ts";
import { createRedisClient } from "./client.ts";

/** Where the Redis is and how to speak to it. */
export interface RedisStoreOptions {
  /** `REDIS_URL`; its forms are those of `address.ts`. */
  readonly url: string;
  /** Certificates in PEM to trust instead of the system's. */
  readonly ca?: string;
  /** `REDIS_SENTINEL_PASSWORD` */
  readonly sentinelPassword?: string;
  /** Keeps several gateways apart in one database: letters, digits, `_`, `.` and `-`. */
  readonly prefix?: string;
  /** Time limit of one round trip; an operation may take up to three of them. */
  readonly commandTimeoutMs?: number;
  readonly clock?: Clock;
}

/**
 * Creates the adapter; nothing is sent before the first operation. Throws
 * {@link StoreRejectedError} for options that can not work.
 */
export function createRedisStore(options: RedisStoreOptions): SessionStore {
  const { url, prefix = "postern", commandTimeoutMs = 1_000, clock = systemClock, ...rest } =
    options;
  if (!PREFIX.test(prefix)) {
    throw new StoreRejectedError(
      `POSTERN_PREFIX: "${prefix}" must be up to 64 letters, digits, "_", "." or "-"`,
    );
  }
  return createScriptStore({
    runner: createRedisClient({ ...rest, address: parseRedisUrl(url), commandTimeoutMs }),
    // One slot also where it stands alone: it may become a cluster some day.
    keys: createKeys(prefix, { inOneSlot: true }),
    clock,
    address: "REDIS_URL",
  });
}
