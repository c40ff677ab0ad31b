/**
 * The key ring with a note of which key was asked for when, so that an operator can see which one
 * nobody needs any more.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { KeyRing, RingKey } from "../tokens/key_ring.ts";

/** A key ring, and when each key was last looked up to verify a token. */
export interface WatchedKeys {
  readonly keys: KeyRing;
  /** Epoch milliseconds by `kid`. */
  readonly lastUsed: ReadonlyMap<string, number>;
}

/** Watches a ring. Whoever presents a token with a `kid` of the ring counts, valid or not. */
export function watchKeys(ring: KeyRing, clock: Clock): WatchedKeys {
  const lastUsed = new Map<string, number>();
  class Watched extends Map<string, RingKey> {
    override get(kid: string): RingKey | undefined {
      const key = super.get(kid);
      if (key !== undefined) lastUsed.set(kid, clock());
      return key;
    }
  }
  return { keys: { ...ring, byKid: new Watched(ring.byKid) }, lastUsed };
}
