/**
 * The SQLite adapter: the embedded store of one machine, on `node:sqlite`.
 * Several processes may share the file. What was acknowledged survives
 * `kill -9` and power cuts.
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { type SessionStore, StoreRejectedError } from "../port.ts";
import { isUnexpired } from "../rules.ts";
import { createSqliteAttempts } from "./attempts.ts";
import { createSqliteListing } from "./listing.ts";
import { listenToFile } from "./news.ts";
import { createSqliteRevocations } from "./revocations.ts";
import { sessionOf, text } from "./row.ts";
import { openDatabase } from "./schema.ts";
import { createSqliteSessions } from "./sessions.ts";
import { createTransactions } from "./writes.ts";

/**
 * Opens the store in the file at `path`. Throws {@link StoreRejectedError} when
 * the file can not be opened or is not Postern's.
 */
export function openSqliteStore(
  { path, clock = systemClock }: { readonly path: string; readonly clock?: Clock },
): SessionStore {
  const database = open(path);
  const { read, write, close } = createTransactions(database, clock);
  const revocations = createSqliteRevocations(database);
  const sessions = createSqliteSessions(database, revocations);
  const listing = createSqliteListing(database, sessions, revocations);
  const attempts = createSqliteAttempts(database);
  const one = database.prepare("SELECT 1");
  const stops: (() => void)[] = [];

  return {
    open: (session, limits) => write((nowMs) => sessions.open(session, limits, nowMs)),
    rotate: (rotation) => write((nowMs) => sessions.rotate(rotation, nowMs)),
    bind: (sid, bound) => write((nowMs) => sessions.bind(sid, bound, nowMs)),
    revokeSession: (end) => write((nowMs) => sessions.revoke(end, nowMs)),
    revokeGroup: (end) => write((nowMs) => revocations.revokeGroup(end, nowMs)),
    revokeToken: (token) => write((nowMs) => revocations.revokeToken(token, nowMs)),
    revocationsSince: (cursor) => read(() => revocations.since(cursor)),

    tokenStatus: ({ sid, subject, jti, groups, bornAtMs }) =>
      read((nowMs) => {
        if (revocations.isTokenRevoked(jti, nowMs)) return "revoked";
        const mark = revocations.markOf(groups, nowMs);
        if (mark !== null && bornAtMs <= mark) return "revoked";
        if (sid === null) return "unknown";
        if (sessions.isDeparted(sid, nowMs)) return "revoked";
        const row = sessions.rowOf(sid, nowMs);
        if (row === null || text(row, "subject") !== subject) return "unknown";
        return sessions.isRevoked(row, nowMs) ? "revoked" : "live";
      }),

    readSession: (sid) =>
      read((nowMs) => {
        const row = sessions.rowOf(sid, nowMs);
        if (row === null || sessions.isRevoked(row, nowMs)) return null;
        const session = sessionOf(row);
        return isUnexpired(session, nowMs) ? session : null;
      }),

    listSessions: (query) => read((nowMs) => listing.list(query, nowMs)),
    countSessions: (subject) => read((nowMs) => listing.count(subject, nowMs)),
    reserveAttempt: (attempt) => write((nowMs) => attempts.reserve(attempt, nowMs)),
    settleAttempt: (attempt) => write((nowMs) => attempts.settle(attempt, nowMs)),

    // A write transaction: a file or folder that may only be read shows here, not at the first sign-in.
    probe: () =>
      write(() => {
        one.get();
        return [];
      }),

    listen(onNews) {
      if (database.isOpen) stops.push(listenToFile(database, onNews));
    },

    close() {
      for (const stop of stops.splice(0)) stop();
      close();
      return Promise.resolve();
    },
  };
}

function open(path: string) {
  try {
    return openDatabase(path);
  } catch (error) {
    if (error instanceof StoreRejectedError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new StoreRejectedError(`store.path: can not open "${path}": ${message}`, {
      cause: error,
    });
  }
}
