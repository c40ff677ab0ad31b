/**
 * Lists of sessions out of the SQLite file. Everything here runs inside a
 * transaction of its caller.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { decodeSessionPlace, encodeSessionPlace } from "../page_cursor.ts";
import { EVERYBODY, MAX_PAGE, type SessionPage, type SessionQuery } from "../port.ts";
import { isAskedFor, isUnexpired } from "../rules.ts";
import type { SqliteRevocations } from "./revocations.ts";
import { groupsOf, integer, type Row, sessionOf } from "./row.ts";
import type { SqliteSessions } from "./sessions.ts";

/** Rows that one page looks at, at most: what nobody asked for is looked at in vain. */
const MAX_SCANNED = 4_000;

/** The lists' part of the SQLite store. */
export interface SqliteListing {
  list(query: SessionQuery, nowMs: number): SessionPage;
  count(subject: string, nowMs: number): number;
}

/** Prepares the statements. */
export function createSqliteListing(
  database: DatabaseSync,
  sessions: Pick<SqliteSessions, "isRevoked">,
  revocations: Pick<SqliteRevocations, "markOf">,
): SqliteListing {
  const sql = {
    all: database.prepare(
      "SELECT * FROM session WHERE sid < ? AND revoked_until IS NULL ORDER BY sid DESC LIMIT ?",
    ),
    ofSubject: database.prepare(
      `SELECT * FROM session WHERE subject = ? AND revoked_until IS NULL
         AND (created_at, sid) < (?, ?)
       ORDER BY created_at DESC, sid DESC LIMIT ?`,
    ),
    youngest: database.prepare(
      `SELECT groups FROM session WHERE subject = ? AND revoked_until IS NULL
       ORDER BY created_at DESC LIMIT 1`,
    ),
    // The index alone answers it: rows that ran out a moment ago are counted in.
    count: database.prepare(
      `SELECT count(*) AS n FROM session
       WHERE subject = ? AND revoked_until IS NULL AND created_at > ?`,
    ),
  };

  return {
    list(query, nowMs) {
      const limit = Math.min(query.limit, MAX_PAGE);
      const place = decodeSessionPlace(query.after);
      // "~" comes after every character of a sid.
      const sid = place?.sid ?? "~";
      const rows: Iterable<Row> = query.subject === undefined
        ? sql.all.iterate(sid, MAX_SCANNED + 1)
        : sql.ofSubject.iterate(
          query.subject,
          place?.createdAtMs ?? Number.MAX_SAFE_INTEGER,
          sid,
          MAX_SCANNED + 1,
        );
      const found = [];
      let scanned = 0;
      let last = null;
      for (const row of rows) {
        if (found.length === limit || scanned === MAX_SCANNED) {
          return { sessions: found, next: last === null ? null : encodeSessionPlace(last) };
        }
        scanned++;
        const session = sessionOf(row);
        last = session;
        if (!isUnexpired(session, nowMs) || !isAskedFor(session, query)) continue;
        if (!sessions.isRevoked(row, nowMs)) found.push(session);
      }
      return { sessions: found, next: null };
    },

    count(subject, nowMs) {
      const youngest = sql.youngest.get(subject);
      if (youngest === undefined) return 0;
      // The subject's own group stands first. What only another of its groups ends is counted in.
      const [own = EVERYBODY] = groupsOf(youngest);
      const mark = revocations.markOf([own], nowMs) ?? -1;
      return integer(sql.count.get(subject, mark) ?? {}, "n");
    },
  };
}
