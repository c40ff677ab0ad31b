/**
 * The time, as a port, so that a test moves the clock instead of sleeping.
 *
 * @module
 */

/** Returns the current time in milliseconds since the Unix epoch. */
export type Clock = () => number;

/** The machine's own clock. Somebody may set it, forward or back, at any moment. */
export const systemClock: Clock = () => Date.now();

/**
 * Returns milliseconds since some moment, never going back. It stands still
 * while the machine sleeps, and on Workers it is the wall clock in disguise.
 */
export type MonotonicClock = () => number;

/** The machine's own monotonic clock. */
export const systemMonotonicClock: MonotonicClock = () => performance.now();

/** A moment, by both clocks. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** Tells ages that hold whatever is done to the wall clock. */
export interface Ages {
  /** The present moment. */
  now(): Moment;
  /**
   * Milliseconds since a moment: the longer of what both clocks say, for the
   * monotonic one misses a sleep. `Infinity` where one of them says that the
   * moment is still to come: the clock was set, and nobody knows.
   */
  sinceMs(moment: Moment): number;
}

/** Creates {@link Ages}. The clock of a test is monotonic by itself, and both at once. */
export function createAges(
  clock: Clock,
  monotonic: MonotonicClock = clock === systemClock ? systemMonotonicClock : clock,
): Ages {
  return {
    now: () => ({ wallMs: clock(), monotonicMs: monotonic() }),
    sinceMs({ wallMs, monotonicMs }) {
      const byWallMs = clock() - wallMs;
      const byMonotonicMs = monotonic() - monotonicMs;
      if (byWallMs < 0 || byMonotonicMs < 0) return Infinity;
      return Math.max(byWallMs, byMonotonicMs);
    },
  };
}

/** A moment before everything: whatever is as old as that is infinitely old. */
export const LONG_AGO: Moment = { wallMs: -Infinity, monotonicMs: -Infinity };
