/**
 * Work that goes on beside requests.
 *
 * @module
 */

/** Repeats work in the background until the process ends. */
export interface Background {
  /** Calls `work` at once and then again `everyMs` after it has ended; it never throws. */
  repeat(work: (signal: AbortSignal) => Promise<void>, everyMs: number): void;
}

/** Keeps a promise alive after the answer has been sent (Workers); elsewhere a no-op. */
export type WaitUntil = (work: Promise<unknown>) => void;
