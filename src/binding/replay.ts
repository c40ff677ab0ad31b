/**
 * The memory of proofs that were already used (RFC 9449 §11.1), one for each
 * instance. It is bounded, and it never forgets in the thief's favour: what no
 * longer fits is refused, not accepted a second time.
 *
 * @module
 */

/** What the memory says of a proof. */
export type ReplayOutcome =
  | "fresh"
  | "replayed"
  /** As old as what the memory had to let go: nobody can tell. */
  | "too_old";

/** Remembers which proofs were used. */
export interface ReplayMemory {
  /**
   * Takes a proof once. `momentSeconds` is when it was made, as far as we can
   * tell; `nowSeconds` drops what has expired by itself.
   */
  take(jkt: string, jti: string, momentSeconds: number, nowSeconds: number): ReplayOutcome;
  /** Proofs held. */
  size(): number;
}

/**
 * Prepares the memory. `lifeSeconds` is how long after its moment a proof could
 * be shown again, `maxEntries` how many are held.
 *
 * Proofs stand in one set for each moment. When there are too many, the oldest
 * set goes and its moment becomes the floor: proofs from then or before are
 * `too_old` from now on. Under a flood the window so becomes shorter, for
 * clients that can take a fresh nonce and come back, instead of the memory
 * longer. Keyed by thumbprint *and* `jti`: else one client could burn the `jti`
 * of another.
 */
export function createReplayMemory(options: {
  readonly lifeSeconds: number;
  readonly maxEntries: number;
}): ReplayMemory {
  const { lifeSeconds, maxEntries } = options;
  /** By moment; there are no more of them than the life has seconds. */
  const byMoment = new Map<number, Set<string>>();
  let held = 0;
  let floor = -Infinity;
  let sweptAtSeconds = -Infinity;

  function drop(moment: number): void {
    held -= byMoment.get(moment)?.size ?? 0;
    byMoment.delete(moment);
  }

  function sweep(nowSeconds: number): void {
    if (nowSeconds === sweptAtSeconds) return;
    sweptAtSeconds = nowSeconds;
    for (const moment of byMoment.keys()) {
      if (moment + lifeSeconds < nowSeconds) drop(moment);
    }
  }

  return {
    take(jkt, jti, momentSeconds, nowSeconds) {
      const moment = Math.floor(momentSeconds);
      sweep(Math.floor(nowSeconds));
      if (moment <= floor) return "too_old";
      const known = byMoment.get(moment);
      const key = `${jkt}.${jti}`;
      if (known?.has(key) === true) return "replayed";
      if (known === undefined) byMoment.set(moment, new Set([key]));
      else known.add(key);
      held++;
      if (held > maxEntries) {
        const oldest = Math.min(...byMoment.keys());
        drop(oldest);
        floor = oldest;
      }
      return "fresh";
    },
    size: () => held,
  };
}
