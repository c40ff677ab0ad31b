/**
 * Whether this instance takes requests. Once it drains it never comes back.
 *
 * @module
 */
import type { EventSink } from "../telemetry/events.ts";

/** The state of the process. */
export interface Lifecycle {
  readonly isDraining: boolean;
  /** Stops being ready and tells everybody who waits for it; further calls do nothing. */
  drain(reason: string): void;
  /** Called when draining begins (at once if it has); call the returned function to forget it. */
  onDrain(tell: () => void): () => void;
}

/** A process that has just started. */
export function createLifecycle(events: EventSink): Lifecycle {
  const waiting = new Set<() => void>();
  let isDraining = false;
  return {
    get isDraining() {
      return isDraining;
    },
    drain(reason) {
      if (isDraining) return;
      isDraining = true;
      events({ event: "draining", reason }, { requestId: "-", clientAddress: "-" });
      for (const tell of waiting) tell();
      waiting.clear();
    },
    onDrain(tell) {
      if (isDraining) {
        tell();
        return () => {};
      }
      waiting.add(tell);
      return () => waiting.delete(tell);
    },
  };
}
