/**
 * Asking a Redis again.
 *
 * @module
 */
import type { Script } from "./scripts.ts";

/** Attempts at one script. */
const MAX_ATTEMPTS = 3;

/** The n-th repeat waits up to this times 2ⁿ, at random, so that gateways do not come back in step. */
const BACKOFF_MS = 50;

/** Error words of Redis that pass by themselves; every other word is its last. */
const PASSING = /^(LOADING|BUSY|TRYAGAIN|MASTERDOWN|CLUSTERDOWN|READONLY|UNBLOCKED|NOREPLICAS)\b/;

/** Whether words that Redis itself said will be others in a moment. */
export function passes(words: string): boolean {
  return PASSING.test(words);
}

/**
 * Tries up to three times, the last begun within twice the time limit of one.
 * What is tried has to be safe to repeat, as all scripts are.
 */
export async function repeat<T>(
  attempt: () => Promise<T>,
  { mayPass, commandTimeoutMs }: {
    readonly mayPass: (error: unknown) => boolean;
    readonly commandTimeoutMs: number;
  },
): Promise<T> {
  const beganAtMs = performance.now();
  for (let attempts = 1;; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      const again = attempts < MAX_ATTEMPTS && mayPass(error) &&
        performance.now() - beganAtMs < 2 * commandTimeoutMs;
      if (!again) throw error;
      const waitMs = Math.random() * BACKOFF_MS * 2 ** attempts;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** Gives the SHA-1 by which Redis knows a script. */
export function createDigests(): (script: Script) => Promise<string> {
  /** Not promises: on Workers a request may vanish and leave one pending for all others. */
  const digests = new Map<Script, string>();

  return async function digestOf(script) {
    const known = digests.get(script);
    if (known !== undefined) return known;
    const bytes = new TextEncoder().encode(script.source);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", bytes)).toHex();
    digests.set(script, digest);
    return digest;
  };
}
