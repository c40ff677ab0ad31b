/**
 * A value that somebody else publishes, fetched when it is first wanted and kept:
 * their outage is no outage of ours, and nobody's clicks can hammer them.
 *
 * @module
 */
import type { WaitUntil } from "../base/background.ts";
import type { Clock } from "../base/clock.ts";

/** How long a value is good for. */
export interface KeptOptions {
  /** Used without a question for so long. */
  readonly freshMs: number;
  /** Used for so long when no newer one is to be had. */
  readonly staleIfErrorMs: number;
  /** Least time between a failed fetch and the next. */
  readonly cooldownMs: number;
  /** A fetch that has not ended by then never will. */
  readonly flightMs: number;
}

/** A value that is kept. */
export interface Kept<T> {
  /**
   * The value; one fetch at a time, however many ask.
   *
   * @throws what the fetch threw, when there is no value to fall back to.
   */
  get(waitUntil: WaitUntil): Promise<T>;
  /** Whether the last fetch failed, as far as is known without a question. */
  isFailing(): boolean;
}

type Landing<T> = { readonly value: T } | { readonly error: unknown };

/** Keeps what `load` fetches. */
export function createKept<T>(load: () => Promise<T>, parts: {
  readonly options: KeptOptions;
  readonly clock: Clock;
}): Kept<T> {
  const { options, clock } = parts;
  let known: { readonly value: T; readonly atMs: number } | null = null;
  let failed: { readonly error: unknown; readonly atMs: number } | null = null;
  let flight: { readonly landing: Promise<Landing<T>>; readonly beganMs: number } | null = null;

  async function fetchOnce(): Promise<Landing<T>> {
    try {
      const value = await load();
      known = { value, atMs: clock() };
      failed = null;
      return { value };
    } catch (error) {
      failed = { error, atMs: clock() };
      return { error };
    }
  }

  /** The fetch under way, or a new one. */
  function fly(waitUntil: WaitUntil): Promise<Landing<T>> {
    // On Workers a flight dies with the request that began it: then it never ends.
    if (flight !== null && ageMs(flight.beganMs) < options.flightMs) return flight.landing;
    const own = { landing: fetchOnce(), beganMs: clock() };
    flight = own;
    void own.landing.then(() => {
      if (flight === own) flight = null;
    });
    waitUntil(own.landing);
    return own.landing;
  }

  /** A clock that was set back makes nothing young again. */
  function ageMs(atMs: number): number {
    return Math.abs(clock() - atMs);
  }

  return {
    async get(waitUntil) {
      if (known !== null && ageMs(known.atMs) < options.freshMs) return known.value;
      const usable = known !== null && ageMs(known.atMs) < options.staleIfErrorMs ? known : null;
      const resting = failed !== null && ageMs(failed.atMs) < options.cooldownMs;
      const landing: Landing<T> = resting
        ? { error: failed?.error }
        : await atMost(options.flightMs, fly(waitUntil));
      if ("value" in landing) return landing.value;
      if (usable !== null) return usable.value;
      throw landing.error;
    },
    isFailing: () => failed !== null,
  };
}

async function atMost<T>(waitMs: number, work: Promise<Landing<T>>): Promise<Landing<T>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<Landing<T>>((resolve) => {
    timer = setTimeout(() => resolve({ error: new LostFlightError() }), waitMs);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** The request that had begun the fetch is gone, and took the fetch with it. */
export class LostFlightError extends Error {
  override readonly name = "LostFlightError";
  readonly code = "lost_flight";
}
