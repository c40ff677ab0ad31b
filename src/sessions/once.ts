/**
 * What may be taken once, by whichever instance comes first.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { SessionStore } from "../store/port.ts";

/**
 * Takes a key; `false` when it was taken before. It is remembered until `untilMs`. The key
 * names what it is for, and holds nothing secret.
 *
 * @throws {StoreUnavailableError} when nobody can say.
 */
export type Once = (key: string, untilMs: number) => Promise<boolean>;

/** Prepares {@link Once}: one round trip, and nothing is left behind afterwards. */
export function createOnce(
  store: Pick<SessionStore, "reserveAttempt">,
  clock: Clock,
): Once {
  return async function once(key, untilMs) {
    const holdMs = Math.max(untilMs - clock(), 1);
    // The only place under this name, never given back: whoever comes second finds it taken.
    const { allowed } = await store.reserveAttempt({
      id: crypto.randomUUID(),
      counters: [{ key, limit: 1 }],
      windowMs: holdMs,
      holdMs,
    });
    return allowed;
  };
}
