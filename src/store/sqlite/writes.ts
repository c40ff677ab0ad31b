/**
 * Transactions of the SQLite file, and the group commit: writes that come in
 * while the disk is busy go to it together.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../base/clock.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import { EXPIRING_TABLES } from "./schema.ts";

/** Expired rows that one write takes out of each table at most; it adds fewer, so the file stays flat. */
const PURGE_LIMIT = 8;

/** Runs operations on the file; each is given the time at which it runs. */
export interface Transactions {
  /** Reads a consistent state. */
  read<T>(work: (nowMs: number) => T): Promise<T>;
  /** Changes something: all of it, or nothing. Resolves when it is on the disk. */
  write<T>(work: (nowMs: number) => T): Promise<T>;
  /** Writes what still waits and closes the file. */
  close(): void;
}

/** An operation on its way to the disk. */
interface Write {
  run(nowMs: number): void;
  done(): void;
  failed(error: unknown): void;
}

/** Prepares transactions on an open file. */
export function createTransactions(database: DatabaseSync, clock: Clock): Transactions {
  const purges = EXPIRING_TABLES.map(({ table, key }) =>
    database.prepare(
      `DELETE FROM ${table} WHERE (${key}) IN
         (SELECT ${key} FROM ${table} WHERE ends_at <= ? ORDER BY ends_at LIMIT ${PURGE_LIMIT})`,
    )
  );
  let waiting: Write[] = [];

  function transaction<T>(begin: "BEGIN" | "BEGIN IMMEDIATE", work: (nowMs: number) => T): T {
    if (!database.isOpen) throw new StoreUnavailableError("the SQLite store is closed");
    try {
      database.exec(begin);
      try {
        const result = work(clock());
        database.exec("COMMIT");
        return result;
      } catch (error) {
        // A full disk has rolled back by itself.
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    } catch (error) {
      throw unavailable(error);
    }
  }

  function commitWaiting(): void {
    const batch = waiting;
    waiting = [];
    const failures = new Map<Write, unknown>();
    try {
      // IMMEDIATE takes the write lock before reading: what is decided on is what is written over.
      transaction("BEGIN IMMEDIATE", (nowMs) => {
        for (const each of batch) {
          if (batch.length > 1) database.exec("SAVEPOINT one");
          try {
            each.run(nowMs);
          } catch (error) {
            if (batch.length === 1 || !database.isTransaction) throw error;
            database.exec("ROLLBACK TO one");
            failures.set(each, unavailable(error));
          }
          if (batch.length > 1) database.exec("RELEASE one");
        }
      });
    } catch (error) {
      for (const each of batch) each.failed(error);
      return;
    }
    // Only now is it on the disk.
    for (const each of batch) {
      const failure = failures.get(each);
      if (failure === undefined) each.done();
      else each.failed(failure);
    }
  }

  return {
    read: async (work) => await transaction("BEGIN", work),

    write: <T>(work: (nowMs: number) => T) =>
      new Promise<T>((resolve, reject) => {
        let result: T;
        waiting.push({
          run(nowMs) {
            result = work(nowMs);
            for (const purge of purges) purge.run(nowMs);
          },
          done: () => resolve(result),
          failed: reject,
        });
        if (waiting.length === 1) setImmediate(commitWaiting);
      }),

    close() {
      if (waiting.length > 0) commitWaiting();
      if (database.isOpen) database.close();
    },
  };
}

function unavailable(error: unknown): StoreUnavailableError {
  if (error instanceof StoreUnavailableError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StoreUnavailableError(`the SQLite store failed: ${message}`, { cause: error });
}
