/**
 * How long what was revoked is remembered. The store remembers it longer where
 * a token was minted to live longer, so these are the least.
 *
 * @module
 */
import type { TokenOptions } from "../tokens/options.ts";

/** Least lives of revocations, in milliseconds. */
export interface Lives {
  /** Of what turns access tokens away. */
  readonly denyForMs: number;
  /** Of what turns refresh tokens away. */
  readonly rememberForMs: number;
}

/** Computes the lives from the settings of today. */
export function livesOf(options: TokenOptions): Lives {
  const { accessTtlSeconds, refreshTtlSeconds, sessionMaxAgeSeconds, legacy } = options;
  const slackSeconds = 2 * options.clockToleranceSeconds + 1;
  const longestSeconds = Math.max(accessTtlSeconds, refreshTtlSeconds);
  const { foreignTtlSeconds = 0 } = options;
  return {
    // How long others let their access tokens live is not known here (`tokens/legacy.ts`).
    denyForMs: (Math.max(legacy === null ? accessTtlSeconds : longestSeconds, foreignTtlSeconds) +
      slackSeconds) * 1000,
    rememberForMs:
      (Math.max(longestSeconds, legacy === null ? 0 : sessionMaxAgeSeconds, foreignTtlSeconds) +
        slackSeconds) * 1000,
  };
}
