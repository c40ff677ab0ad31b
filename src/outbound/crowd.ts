/**
 * How many questions to somebody else may be under way at one time.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { UnreachableError } from "./bounded_fetch.ts";

/** Runs work, as long as not too much of it is under way. */
export type Crowd = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Prepares a bound. Work that has not ended after `longestMs` never will (on Workers
 * it dies with its request, and nobody hears of that), so it gives its place back.
 *
 * @throws {UnreachableError} when there is no place.
 */
export function createCrowd(
  { most, longestMs, clock }: {
    readonly most: number;
    readonly longestMs: number;
    readonly clock: Clock;
  },
): Crowd {
  const places = new Map<symbol, number>();

  function sweep(nowMs: number): void {
    for (const [place, beganMs] of places) {
      if (Math.abs(nowMs - beganMs) > longestMs) places.delete(place);
    }
  }

  return async function inCrowd(work) {
    const nowMs = clock();
    if (places.size >= most) sweep(nowMs);
    if (places.size >= most) throw new UnreachableError("too many questions at one time");
    const place = Symbol();
    places.set(place, nowMs);
    try {
      return await work();
    } finally {
      places.delete(place);
    }
  };
}
