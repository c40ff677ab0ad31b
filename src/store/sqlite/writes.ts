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

/** How long an operation is tried again while another process has the file. */
const PATIENCE_MS = 1_000;

/** The longest pause between two tries, at random, so that processes do not go in step. */
const PAUSE_MS = 12;

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
  /** When it is given up while another process has the file. */
  readonly untilMs: number;
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

  /** What can not be written now because another process writes is tried again, but for the last time. */
  function commitWaiting(isLast = false): void {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
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
      const nowMs = performance.now();
      for (const each of batch) {
        if (!isLast && isBusy(error) && nowMs < each.untilMs) waiting.push(each);
        else each.failed(error);
      }
      if (waiting.length > 0) setTimeout(commitWaiting, Math.random() * PAUSE_MS);
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
    async read(work) {
      const untilMs = performance.now() + PATIENCE_MS;
      while (true) {
        try {
          return transaction("BEGIN", work);
        } catch (error) {
          if (!isBusy(error) || performance.now() >= untilMs) throw error;
          await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS));
        }
      }
    },

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
          untilMs: performance.now() + PATIENCE_MS,
        });
        if (waiting.length === 1) setImmediate(commitWaiting);
      }),

    close() {
      if (!database.isOpen) return;
      // The last ones are waited for on the spot.
      if (waiting.length > 0) database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
      commitWaiting(true);
      database.close();
    },
  };
}

/** SQLITE_BUSY: another process has the file for the moment. The runtime tells no code, only the words. */
function isBusy(error: unknown): boolean {
  const { cause } = error as Error;
  return cause instanceof Error && cause.message === "database is locked";
}

function unavailable(error: unknown): StoreUnavailableError {
  if (error instanceof StoreUnavailableError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StoreUnavailableError(`the SQLite store failed: ${message}`, { cause: error });
}
