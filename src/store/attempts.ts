/**
 * Attempts at something that can be guessed. One that is under way holds a
 * place for some seconds; only one that failed counts. A place whose end was
 * never told (the process died, the answer was lost) comes free by itself, so
 * nobody is locked out by anything but failures.
 *
 * @module
 */

/** Makes attempts wait longer and longer once there were some failures. */
export interface AttemptDelay {
  /** The failure after which the first wait comes. */
  readonly from: number;
  /** The first wait; each further failure doubles it. */
  readonly firstMs: number;
  /** The longest wait. */
  readonly mostMs: number;
}

/** What attempts are counted under. */
export interface AttemptCounter {
  /** The caller has made it unreadable (HMAC) if it could hold a secret. */
  readonly key: string;
  /** Failures in one window, and attempts under way, at most. */
  readonly limit: number;
  readonly delay?: AttemptDelay;
}

/** An attempt that wants to begin: a place is taken under every counter, or under none. */
export interface AttemptReservation {
  /** Random; names the attempt when it is settled. Repeating a call changes nothing. */
  readonly id: string;
  readonly counters: readonly AttemptCounter[];
  /** How long a failure counts; the window starts with the first one. */
  readonly windowMs: number;
  /** How long a place is kept when nobody says how the attempt ended. */
  readonly holdMs: number;
}

/** Whether an attempt may begin. */
export type AttemptOutcome =
  | { readonly allowed: true }
  /** At least one counter is full or makes wait; no place was taken. */
  | { readonly allowed: false; readonly retryAfterMs: number };

/** How an attempt ended. */
export interface AttemptSettlement {
  /** The one of the reservation. */
  readonly id: string;
  /** Those of the reservation. */
  readonly counters: readonly AttemptCounter[];
  /** That of the reservation. */
  readonly windowMs: number;
  /**
   * `failed` counts under every counter. `succeeded` gives the places back.
   * `unknown` lets them run out: nobody can say whether it was a guess.
   */
  readonly result: "failed" | "succeeded" | "unknown";
}

/** How long a settled attempt is remembered, so that settling it again changes nothing. */
export const SETTLED_MS = 60_000;

/**
 * Whether an end is one that can have been set by this clock: not past, and not
 * much further off than the longest there is. After the clock was set back, what was
 * begun by the old one has an age below zero and counts as over.
 */
export function isAhead(endsAtMs: number, nowMs: number, longestMs: number): boolean {
  // Twice, for processes whose clocks are somewhat apart.
  return endsAtMs > nowMs && endsAtMs - nowMs <= 2 * longestMs;
}

/** The longest that a failure can count: its window, or the wait that it brought. */
export function longestCountMs(counter: AttemptCounter, windowMs: number): number {
  return Math.max(windowMs, counter.delay?.mostMs ?? 0);
}

/** The wait that a failure brings, as the n-th of its window; 0: none. */
export function delayAfter(failures: number, delay: AttemptDelay | undefined): number {
  if (delay === undefined || failures < delay.from) return 0;
  return Math.min(delay.mostMs, delay.firstMs * 2 ** Math.min(failures - delay.from, 40));
}
