/**
 * Who wants to know when something was revoked: every open connection. They are
 * told at once, and in a storm of revocations every few milliseconds: telling
 * ten thousand of them of each one would hold up everybody else.
 *
 * @module
 */
import { LONG_AGO } from "../base/clock.ts";
import type { Ages } from "../base/clock.ts";

/** Told no more often than this. */
const QUIET_MS = 10;

/** Callbacks that are told together. */
export interface Watchers {
  /** The returned function takes it out again. */
  add(onNews: () => void): () => void;
  tell(): void;
}

/** Creates an empty set. */
export function createWatchers(ages: Ages): Watchers {
  const watchers = new Set<() => void>();
  let toldAt = LONG_AGO;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function tellNow(): void {
    timer = undefined;
    toldAt = ages.now();
    for (const onNews of watchers) onNews();
  }

  return {
    add(onNews) {
      watchers.add(onNews);
      return () => {
        watchers.delete(onNews);
        if (watchers.size > 0) return;
        clearTimeout(timer);
        timer = undefined;
      };
    },

    tell() {
      if (watchers.size === 0 || timer !== undefined) return;
      if (ages.sinceMs(toldAt) >= QUIET_MS) tellNow();
      else timer = setTimeout(tellNow, QUIET_MS);
    },
  };
}
