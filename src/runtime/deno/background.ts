/**
 * Work that is done again and again beside requests.
 *
 * @module
 */
import type { Background } from "../../base/background.ts";

/** Repeats work until it is closed. */
export function createBackground(): Background & { close(): void } {
  const stop = new AbortController();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  return {
    repeat(work, everyMs) {
      const run = async () => {
        await work(stop.signal);
        if (stop.signal.aborted) return;
        const timer = setTimeout(() => {
          timers.delete(timer);
          void run();
        }, everyMs);
        timers.add(timer);
      };
      void run();
    },
    close() {
      stop.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
