/**
 * Chance that can be had again.
 *
 * @module
 */

/** The same choices for the same seed. */
export interface Random {
  /** From 0 up to 1. */
  (): number;
  chance(probability: number): boolean;
  oneOf<T>(all: readonly T[]): T;
}

/** mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Object.assign(random, {
    chance: (probability: number) => random() < probability,
    oneOf: <T>(all: readonly T[]) => all[Math.floor(random() * all.length)] as T,
  });
}

/** Waits. */
export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
