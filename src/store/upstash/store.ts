/**
 * The Upstash adapter: sessions and the blacklist in Redis, over HTTP, on any
 * runtime.
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { type SessionStore, StoreRejectedError } from "../port.ts";
import { createKeys, PREFIX } from "../scripts/keys.ts";
import { createScriptStore } from "../scripts/store.ts";
import { createUpstashClient } from "./client.ts";

/** Where the database is and how to speak to it. */
export interface UpstashOptions {
  /** `UPSTASH_REDIS_REST_URL` */
  readonly url: string;
  /** `UPSTASH_REDIS_REST_TOKEN`: the standard token, not the read-only one. */
  readonly token: string;
  /** Keeps several gateways apart in one database: letters, digits, `_`, `.` and `-`. */
  readonly prefix?: string;
  /**
   * Time limit of one round trip. An operation that is safe to repeat may take
   * up to three of them, the last begun within twice this time.
   */
  readonly commandTimeoutMs?: number;
  readonly clock?: Clock;
}

/**
 * Creates the adapter; nothing is sent before the first operation. Throws
 * {@link StoreRejectedError} for options that can not work.
 */
export function createUpstashStore(options: UpstashOptions): SessionStore {
  const { prefix = "postern", commandTimeoutMs = 1_000, clock = systemClock } = options;
  if (!PREFIX.test(prefix)) {
    throw new StoreRejectedError(
      `POSTERN_PREFIX: "${prefix}" must be up to 64 letters, digits, "_", "." or "-"`,
    );
  }
  return createScriptStore({
    runner: createUpstashClient({ ...options, commandTimeoutMs }),
    keys: createKeys(prefix),
    clock,
    address: "UPSTASH_REDIS_REST_URL",
  });
}
