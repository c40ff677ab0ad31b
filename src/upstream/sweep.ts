/**
 * One timer for all requests of an upstream, in place of two for each: whoever
 * waits is looked at again and again until he stops waiting.
 *
 * @module
 */

/** Something that waits. The fields belong to the {@link Sweep}. */
export interface Swept {
  /** Called at each sweep, `nowMs` on the monotonic clock. */
  swept(nowMs: number): void;
  sweepNext: Swept | null;
  sweepPrevious: Swept | null;
  isSwept: boolean;
}

/**
 * The list of those who wait. It is linked through their own fields: a `Set`
 * with an entry added and deleted for each request shows in the slowest ones.
 */
export class Sweep {
  readonly #periodMs: number;
  #first: Swept | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #run = () => this.#sweep();

  /** `periodMs`: how late a deadline may be noticed. */
  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  /** Begins to look at it; nothing happens if it is looked at already. */
  add(entry: Swept): void {
    if (entry.isSwept) return;
    entry.isSwept = true;
    entry.sweepPrevious = null;
    entry.sweepNext = this.#first;
    if (this.#first !== null) this.#first.sweepPrevious = entry;
    this.#first = entry;
    // The timer is left to run out by itself: most requests are over long before.
    this.#timer ??= setTimeout(this.#run, this.#periodMs);
  }

  /** Stops looking at it. */
  remove(entry: Swept): void {
    if (!entry.isSwept) return;
    entry.isSwept = false;
    const { sweepPrevious, sweepNext } = entry;
    if (sweepPrevious === null) this.#first = sweepNext;
    else sweepPrevious.sweepNext = sweepNext;
    if (sweepNext !== null) sweepNext.sweepPrevious = sweepPrevious;
    entry.sweepNext = null;
    entry.sweepPrevious = null;
  }

  /** Nothing is looked at any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#first = null;
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    let entry = this.#first;
    while (entry !== null) {
      // Read first: being swept may take it, or only it, out of the list.
      const next: Swept | null = entry.sweepNext;
      entry.swept(nowMs);
      entry = next;
    }
    if (this.#first !== null) this.#timer ??= setTimeout(this.#run, this.#periodMs);
  }
}

/** How often deadlines are looked at: a tenth of a second late at most. */
export function sweepPeriodMs(shortestMs: number): number {
  return Math.min(100, Math.max(5, shortestMs / 4));
}
