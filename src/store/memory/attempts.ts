/**
 * Attempts in memory.
 *
 * @module
 */
import {
  type AttemptCounter,
  type AttemptOutcome,
  type AttemptReservation,
  type AttemptSettlement,
  delayAfter,
  isAhead,
  longestCountMs,
  SETTLED_MS,
} from "../attempts.ts";
import { ExpiringMap } from "./expiring_map.ts";

/** The attempts' part of the memory store. */
export interface MemoryAttempts {
  reserve(attempt: AttemptReservation, nowMs: number): AttemptOutcome;
  settle(attempt: AttemptSettlement, nowMs: number): void;
  sweep(nowMs: number): void;
  clear(): void;
}

interface Failures {
  readonly count: number;
  readonly waitUntilMs: number;
  readonly endsAtMs: number;
}

/** Creates an empty one. */
export function createMemoryAttempts(): MemoryAttempts {
  const failures = new ExpiringMap<Failures>();
  const settled = new ExpiringMap<true>();
  /** By counter: the ends of the places that are taken, by attempt. */
  const held = new Map<string, Map<string, number>>();

  /** The places taken under a counter, without those that have run out. */
  function placesOf(key: string, nowMs: number, holdMs: number): Map<string, number> {
    const places = held.get(key) ?? new Map<string, number>();
    for (const [id, endsAtMs] of places) if (!isAhead(endsAtMs, nowMs, holdMs)) places.delete(id);
    return places;
  }

  function failuresOf(counter: AttemptCounter, windowMs: number, nowMs: number): Failures {
    const known = failures.get(counter.key, nowMs);
    return known !== null && isAhead(known.endsAtMs, nowMs, longestCountMs(counter, windowMs))
      ? known
      : { count: 0, waitUntilMs: 0, endsAtMs: nowMs + windowMs };
  }

  return {
    reserve({ id, counters, windowMs, holdMs }, nowMs) {
      let retryAfterMs = 0;
      for (const counter of counters) {
        const { key, limit } = counter;
        const places = placesOf(key, nowMs, holdMs);
        // The very call that took it, repeated: its answer was lost.
        if (places.has(id)) continue;
        const { count, waitUntilMs, endsAtMs } = failuresOf(counter, windowMs, nowMs);
        retryAfterMs = Math.max(retryAfterMs, waitUntilMs - nowMs);
        if (count >= limit) {
          retryAfterMs = Math.max(retryAfterMs, endsAtMs - nowMs);
        } else if (count + places.size >= limit) {
          const firstFreeMs = Math.min(...places.values());
          retryAfterMs = Math.max(retryAfterMs, firstFreeMs - nowMs);
        }
      }
      if (retryAfterMs > 0) return { allowed: false, retryAfterMs };
      for (const { key } of counters) {
        held.set(key, placesOf(key, nowMs, holdMs).set(id, nowMs + holdMs));
      }
      return { allowed: true };
    },

    settle({ id, counters, windowMs, result }, nowMs) {
      if (result === "unknown" || settled.get(id, nowMs) !== null) return;
      settled.set(id, true, nowMs + SETTLED_MS);
      for (const counter of counters) {
        const { key, delay } = counter;
        const places = held.get(key);
        places?.delete(id);
        if (places?.size === 0) held.delete(key);
        if (result !== "failed") continue;
        const { count, endsAtMs } = failuresOf(counter, windowMs, nowMs);
        const waitMs = delayAfter(count + 1, delay);
        const waitUntilMs = waitMs === 0 ? 0 : nowMs + waitMs;
        const goesAtMs = Math.max(endsAtMs, waitUntilMs);
        failures.set(key, { count: count + 1, waitUntilMs, endsAtMs: goesAtMs }, goesAtMs);
      }
    },

    sweep(nowMs) {
      failures.sweep(nowMs);
      settled.sweep(nowMs);
      for (const key of held.keys()) {
        if (placesOf(key, nowMs, Infinity).size === 0) held.delete(key);
      }
    },

    clear() {
      failures.clear();
      settled.clear();
      held.clear();
    },
  };
}
