/**
 * Attempts in the SQLite file. Everything here runs inside a transaction of
 * its caller.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
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
import { integer, text } from "./row.ts";

/** The attempts' part of the SQLite store. */
export interface SqliteAttempts {
  reserve(attempt: AttemptReservation, nowMs: number): AttemptOutcome;
  settle(attempt: AttemptSettlement, nowMs: number): void;
}

/** Prepares the statements. */
export function createSqliteAttempts(database: DatabaseSync): SqliteAttempts {
  const sql = {
    failure: database.prepare(
      "SELECT count, wait_until, ends_at FROM failure WHERE name = ?",
    ),
    putFailure: database.prepare("INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?)"),
    places: database.prepare("SELECT id, ends_at FROM attempt WHERE name = ? AND ends_at > ?"),
    putPlace: database.prepare("INSERT OR REPLACE INTO attempt VALUES (?, ?, ?)"),
    dropPlace: database.prepare("DELETE FROM attempt WHERE name = ? AND id = ?"),
    settled: database.prepare("SELECT 1 FROM settled WHERE id = ? AND ends_at > ?"),
    putSettled: database.prepare("INSERT OR REPLACE INTO settled VALUES (?, ?)"),
  };

  function failuresOf(counter: AttemptCounter, windowMs: number, nowMs: number) {
    const row = sql.failure.get(counter.key);
    const endsAtMs = row === undefined ? 0 : integer(row, "ends_at");
    if (row === undefined || !isAhead(endsAtMs, nowMs, longestCountMs(counter, windowMs))) {
      return { count: 0, waitUntilMs: 0, endsAtMs: nowMs + windowMs };
    }
    return { count: integer(row, "count"), waitUntilMs: integer(row, "wait_until"), endsAtMs };
  }

  return {
    reserve({ id, counters, windowMs, holdMs }, nowMs) {
      let retryAfterMs = 0;
      for (const counter of counters) {
        const { key, limit } = counter;
        const places = sql.places.all(key, nowMs)
          .map((row) => ({ id: text(row, "id"), endsAtMs: integer(row, "ends_at") }))
          .filter((place) => isAhead(place.endsAtMs, nowMs, holdMs));
        // The very call that took it, repeated: its answer was lost.
        if (places.some((place) => place.id === id)) continue;
        const { count, waitUntilMs, endsAtMs } = failuresOf(counter, windowMs, nowMs);
        retryAfterMs = Math.max(retryAfterMs, waitUntilMs - nowMs);
        if (count >= limit) {
          retryAfterMs = Math.max(retryAfterMs, endsAtMs - nowMs);
        } else if (count + places.length >= limit) {
          const firstFreeMs = Math.min(...places.map((place) => place.endsAtMs));
          retryAfterMs = Math.max(retryAfterMs, firstFreeMs - nowMs);
        }
      }
      if (retryAfterMs > 0) return { allowed: false, retryAfterMs };
      for (const { key } of counters) sql.putPlace.run(key, id, nowMs + holdMs);
      return { allowed: true };
    },

    settle({ id, counters, windowMs, result }, nowMs) {
      if (result === "unknown" || sql.settled.get(id, nowMs) !== undefined) return;
      sql.putSettled.run(id, nowMs + SETTLED_MS);
      for (const counter of counters) {
        const { key, delay } = counter;
        sql.dropPlace.run(key, id);
        if (result !== "failed") continue;
        const { count, endsAtMs } = failuresOf(counter, windowMs, nowMs);
        const waitMs = delayAfter(count + 1, delay);
        const waitUntilMs = waitMs === 0 ? 0 : nowMs + waitMs;
        sql.putFailure.run(key, count + 1, waitUntilMs, Math.max(endsAtMs, waitUntilMs));
      }
    },
  };
}
