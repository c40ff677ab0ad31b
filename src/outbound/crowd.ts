/**
 * How many questions to somebody else may be under way at one time.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { UnreachableError } from "./bounded_fetch.ts";

/**
 * Runs work, as long as not too much of it is under way. `who` is whom it is done for; `null`: nobody
 * whose share could be counted.
 */
export type Crowd = <T>(who: string | null, work: () => Promise<T>) => Promise<T>;

/**
 * Prepares a bound. Work that has not ended after `longestMs` never will (on Workers
 * it dies with its request, and nobody hears of that), so it gives its place back.
 * Nobody has more than `mostEach` places, so that nobody shuts the others out.
 *
 * @throws {UnreachableError} when there is no place.
 */
export function createCrowd(
  { most, mostEach, longestMs, clock }: {
    readonly most: number;
    readonly mostEach: number;
    readonly longestMs: number;
    readonly clock: Clock;
  },
): Crowd {
  const places = new Map<symbol, { readonly beganMs: number; readonly who: string | null }>();

  function sweep(nowMs: number): void {
    for (const [place, { beganMs }] of places) {
      if (Math.abs(nowMs - beganMs) > longestMs) places.delete(place);
    }
  }

  function isFull(who: string | null): boolean {
    if (places.size >= most) return true;
    // There are few places, and so few to count.
    return who !== null && places.size >= mostEach &&
      places.values().filter((place) => place.who === who).take(mostEach).toArray().length >=
        mostEach;
  }

  return async function inCrowd(who, work) {
    const nowMs = clock();
    if (isFull(who)) sweep(nowMs);
    if (isFull(who)) throw new UnreachableError("too many questions at one time");
    const place = Symbol();
    places.set(place, { beganMs: nowMs, who });
    try {
      return await work();
    } finally {
      places.delete(place);
    }
  };
}
