/**
 * The SQLite adapter: the embedded store of one machine, on `node:sqlite`.
 * Several processes may share the file. What was acknowledged survives
 * `kill -9` and power cuts.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { systemClock } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import { StoreUnavailableError } from "../base/errors.ts";
import type { SessionRecord } from "../base/session.ts";
import {
  encodeCursor,
  FEED_NEVER_WRITTEN,
  FEED_PAGE_SIZE,
  FEED_TRIM_LIMIT,
  FEED_TRIM_MARGIN_MS,
  feedStart,
  randomFeedName,
} from "./feed.ts";
import type { FeedPlace } from "./feed.ts";
import { StoreRejectedError } from "./port.ts";
import type { Revocation, SessionStore } from "./port.ts";
import { decideRotation, isSuperseded, isUnexpired, recordEndsAtMs } from "./rules.ts";
import { generationOf, integer, revocationOf, sessionOf, text } from "./sqlite_row.ts";
import type { Row } from "./sqlite_row.ts";
import { EXPIRING_TABLES, openDatabase } from "./sqlite_schema.ts";

/** Expired rows that one write takes out of each table at most; it adds fewer, so the file stays flat. */
const PURGE_LIMIT = 8;

/**
 * Opens the store in the file at `path`. Throws {@link StoreRejectedError} when
 * the file can not be opened or is not Postern's.
 */
export function openSqliteStore(
  { path, clock = systemClock }: { readonly path: string; readonly clock?: Clock },
): SessionStore {
  const database = open(path);
  const sql = {
    putSession: database.prepare(
      `INSERT INTO session VALUES
         (:sid, :subject, :claims, :createdAt, :lastSeenAt, :cap, :userAgent, :ip,
          :refreshJti, :accessJti, :issuedAt, :refreshExpiresAt, 0, :endsAt)
       ON CONFLICT (sid) DO UPDATE SET
         claims = excluded.claims, last_seen_at = excluded.last_seen_at,
         refresh_jti = excluded.refresh_jti, access_jti = excluded.access_jti,
         issued_at_seconds = excluded.issued_at_seconds,
         refresh_expires_at_seconds = excluded.refresh_expires_at_seconds,
         ends_at = excluded.ends_at`,
    ),
    session: database.prepare("SELECT * FROM session WHERE sid = ? AND ends_at > ?"),
    markSession: database.prepare("UPDATE session SET revoked = 1 WHERE sid = ?"),
    sessionsOf: database.prepare(
      `SELECT * FROM session WHERE subject = ? AND ends_at > ? AND revoked = 0
       ORDER BY created_at DESC, sid DESC`,
    ),
    youngest: database.prepare(
      `SELECT max(created_at) AS created_at FROM session
       WHERE subject = ? AND ends_at > ? AND revoked = 0`,
    ),
    putSuccessor: database.prepare("INSERT OR REPLACE INTO successor VALUES (?, ?, ?, ?, ?, ?, ?)"),
    successor: database.prepare(
      "SELECT * FROM successor WHERE sid = ? AND spent_jti = ? AND ends_at > ?",
    ),
    putSubject: database.prepare(
      `INSERT INTO subject VALUES (?, ?, ?) ON CONFLICT (subject) DO UPDATE SET
         not_after = excluded.not_after, ends_at = max(ends_at, excluded.ends_at)`,
    ),
    subject: database.prepare("SELECT not_after FROM subject WHERE subject = ? AND ends_at > ?"),
    putToken: database.prepare("INSERT OR REPLACE INTO token VALUES (?, ?)"),
    token: database.prepare("SELECT ends_at FROM token WHERE jti = ? AND ends_at > ?"),
    putDeparted: database.prepare("INSERT OR REPLACE INTO departed VALUES (?, ?)"),
    departed: database.prepare("SELECT 1 FROM departed WHERE sid = ? AND ends_at > ?"),
    appendFeed: database.prepare("INSERT INTO feed VALUES (?, ?, ?, ?, ?, ?)"),
    putHead: database.prepare("INSERT OR REPLACE INTO feed_head VALUES (1, ?, ?, ?)"),
    head: database.prepare("SELECT epoch, seq, id FROM feed_head"),
    feedId: database.prepare("SELECT id FROM feed WHERE seq = ?"),
    feedPage: database.prepare("SELECT * FROM feed WHERE seq > ? ORDER BY seq LIMIT ?"),
    // Only from the head: what is behind a living entry waits for it.
    trimFeed: database.prepare(
      `DELETE FROM feed WHERE seq IN (SELECT seq FROM feed ORDER BY seq LIMIT :limit)
         AND seq < coalesce(
           (SELECT min(seq) FROM (SELECT seq, until FROM feed ORDER BY seq LIMIT :limit)
            WHERE until + :margin > :now),
           9223372036854775807)`,
    ),
    putAttempt: database.prepare("INSERT OR REPLACE INTO attempt VALUES (?, ?, ?)"),
    attempt: database.prepare("SELECT count, ends_at FROM attempt WHERE name = ? AND ends_at > ?"),
    dropAttempt: database.prepare("DELETE FROM attempt WHERE name = ?"),
    purge: EXPIRING_TABLES.map(({ table, key }) =>
      database.prepare(
        `DELETE FROM ${table} WHERE (${key}) IN
           (SELECT ${key} FROM ${table} WHERE ends_at <= ? ORDER BY ends_at LIMIT ${PURGE_LIMIT})`,
      )
    ),
    one: database.prepare("SELECT 1"),
  };

  /** Runs `work` in one transaction: all of it happens, or nothing. */
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

  let waiting: Write[] = [];

  /**
   * Runs one operation that changes something. Those that come in while the disk
   * is busy go to it together (group commit): one wait for it serves all of them.
   */
  function write<T>(work: (nowMs: number) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: T;
      waiting.push({
        run(nowMs) {
          result = work(nowMs);
          for (const purge of sql.purge) purge.run(nowMs);
        },
        done: () => resolve(result),
        failed: reject,
      });
      if (waiting.length === 1) setImmediate(commitWaiting);
    });
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

  const read = async <T>(work: (nowMs: number) => T) => await transaction("BEGIN", work);

  function keep(record: SessionRecord): void {
    sql.putSession.run({
      sid: record.sid,
      subject: record.subject,
      claims: JSON.stringify(record.claims),
      createdAt: record.createdAtMs,
      lastSeenAt: record.lastSeenAtMs,
      cap: record.capSeconds,
      userAgent: record.userAgent,
      ip: record.ip,
      refreshJti: record.current.refreshJti,
      accessJti: record.current.accessJti,
      issuedAt: record.current.issuedAtSeconds,
      refreshExpiresAt: record.current.refreshExpiresAtSeconds,
      endsAt: recordEndsAtMs(record.current),
    });
  }

  function notAfterOf(subject: string, nowMs: number): number | null {
    const row = sql.subject.get(subject, nowMs);
    return row === undefined ? null : integer(row, "not_after");
  }

  function isRevoked(row: Row, nowMs: number): boolean {
    if (integer(row, "revoked") !== 0) return true;
    const createdAtMs = integer(row, "created_at");
    return isSuperseded({ createdAtMs }, notAfterOf(text(row, "subject"), nowMs));
  }

  function headOfFeed(): FeedPlace {
    const row = sql.head.get();
    if (row === undefined) return FEED_NEVER_WRITTEN;
    return { epoch: text(row, "epoch"), seq: integer(row, "seq"), id: text(row, "id") };
  }

  function announce(revocation: Revocation, nowMs: number): void {
    const head = headOfFeed();
    const epoch = head.epoch || randomFeedName();
    const seq = head.seq + 1;
    const id = randomFeedName();
    const notAfterMs = revocation.kind === "subject" ? revocation.notAfterMs : 0;
    const name = nameOf(revocation);
    sql.appendFeed.run(seq, id, revocation.kind, name, notAfterMs, revocation.untilMs);
    sql.putHead.run(epoch, seq, id);
    sql.trimFeed.run({ limit: FEED_TRIM_LIMIT, margin: FEED_TRIM_MARGIN_MS, now: nowMs });
  }

  return {
    open: (session) =>
      write((nowMs) => {
        const notAfterMs = notAfterOf(session.subject, nowMs);
        if (notAfterMs !== null && isSuperseded(session, notAfterMs)) {
          return { kind: "superseded", notAfterMs };
        }
        // A repeated call must not bring back what was revoked in between.
        if (sql.session.get(session.sid, nowMs) === undefined) {
          keep({ ...session, lastSeenAtMs: session.createdAtMs });
        }
        return { kind: "opened" };
      }),

    rotate: (rotation) =>
      write((nowMs) => {
        const { sid, presentedJti } = rotation;
        const row = sql.session.get(sid, nowMs);
        const successor = sql.successor.get(sid, presentedJti, nowMs);
        const decision = decideRotation(
          {
            record: row === undefined ? null : sessionOf(row),
            marked: row !== undefined && integer(row, "revoked") !== 0,
            notAfterMs: notAfterOf(rotation.subject, nowMs),
            successor: successor === undefined ? null : generationOf(successor),
          },
          rotation,
          nowMs,
        );
        switch (decision.kind) {
          case "unknown":
          case "revoked":
            return decision;
          case "replay": {
            const { record: session, generation } = decision;
            return { kind: "replayed", session, generation };
          }
          case "rotate": {
            const { record: session } = decision;
            const { current } = session;
            keep(session);
            sql.putSuccessor.run(
              sid,
              presentedJti,
              current.refreshJti,
              current.accessJti,
              current.issuedAtSeconds,
              current.refreshExpiresAtSeconds,
              nowMs + rotation.graceMs,
            );
            return { kind: "rotated", session, generation: current };
          }
          case "reuse": {
            sql.markSession.run(sid);
            announce({ kind: "session", sid, untilMs: nowMs + rotation.denyForMs }, nowMs);
            return { kind: "reused", session: decision.record };
          }
        }
      }),

    revokeSession: ({ sid, subject, denyForMs, mustExist }) =>
      write((nowMs) => {
        const row = sql.session.get(sid, nowMs);
        const untilMs = nowMs + denyForMs;
        if (row === undefined || (mustExist && text(row, "subject") !== subject)) {
          if (mustExist) return "not_found";
          if (sql.departed.get(sid, nowMs) !== undefined) return "already_revoked";
          sql.putDeparted.run(sid, untilMs);
        } else {
          if (isRevoked(row, nowMs)) return "already_revoked";
          sql.markSession.run(sid);
        }
        announce({ kind: "session", sid, untilMs }, nowMs);
        return "revoked";
      }),

    revokeSubject: ({ subject, denyForMs, rememberForMs }) =>
      write((nowMs) => {
        const youngest = sql.youngest.get(subject, nowMs);
        const notAfterMs = Math.max(
          nowMs,
          notAfterOf(subject, nowMs) ?? 0,
          // An aggregate over no rows is one row that holds NULL.
          youngest === undefined || youngest["created_at"] === null
            ? 0
            : integer(youngest, "created_at"),
        );
        sql.putSubject.run(subject, notAfterMs, nowMs + rememberForMs);
        announce({ kind: "subject", subject, notAfterMs, untilMs: nowMs + denyForMs }, nowMs);
        return { notAfterMs };
      }),

    revokeToken: ({ jti, untilMs }) =>
      write((nowMs) => {
        if (untilMs <= nowMs) return;
        const known = sql.token.get(jti, nowMs);
        if (known !== undefined && integer(known, "ends_at") >= untilMs) return;
        sql.putToken.run(jti, untilMs);
        announce({ kind: "token", jti, untilMs }, nowMs);
      }),

    revocationsSince: (cursor) =>
      read((nowMs) => {
        const head = headOfFeed();
        const idAt = (seq: number) => {
          const row = sql.feedId.get(seq);
          return row === undefined ? null : text(row, "id");
        };
        const { afterSeq, reset } = feedStart(cursor, head, idAt);
        const rows = sql.feedPage.all(afterSeq, FEED_PAGE_SIZE);
        const last = rows.at(-1);
        const more = last !== undefined && integer(last, "seq") < head.seq;
        const place = more
          ? { epoch: head.epoch, seq: integer(last, "seq"), id: text(last, "id") }
          : head;
        return {
          entries: rows.map(revocationOf).filter(({ untilMs }) => untilMs > nowMs),
          cursor: encodeCursor(place),
          reset,
          more,
        };
      }),

    tokenStatus: ({ sid, subject, jti }) =>
      read((nowMs) => {
        if (sql.token.get(jti, nowMs) !== undefined) return "revoked";
        if (sql.departed.get(sid, nowMs) !== undefined) return "revoked";
        const row = sql.session.get(sid, nowMs);
        if (row === undefined || text(row, "subject") !== subject) return "unknown";
        return isRevoked(row, nowMs) ? "revoked" : "live";
      }),

    readSession: (sid) =>
      read((nowMs) => {
        const row = sql.session.get(sid, nowMs);
        if (row === undefined || isRevoked(row, nowMs)) return null;
        const session = sessionOf(row);
        return isUnexpired(session, nowMs) ? session : null;
      }),

    listSessions: (subject) =>
      read((nowMs) => {
        const notAfterMs = notAfterOf(subject, nowMs);
        return sql.sessionsOf.all(subject, nowMs)
          .map(sessionOf)
          .filter((session) => !isSuperseded(session, notAfterMs) && isUnexpired(session, nowMs));
      }),

    countAttempt: (counters, windowMs) =>
      write((nowMs) => {
        const states = counters.map(({ key, limit }) => {
          const row = sql.attempt.get(key, nowMs);
          return {
            key,
            limit,
            count: row === undefined ? 0 : integer(row, "count"),
            endsAtMs: row === undefined ? nowMs + windowMs : integer(row, "ends_at"),
          };
        });
        const full = states.filter(({ count, limit }) => count >= limit);
        if (full.length > 0) {
          const endsAtMs = Math.max(...full.map((state) => state.endsAtMs));
          return { allowed: false, retryAfterMs: endsAtMs - nowMs };
        }
        for (const { key, count, endsAtMs } of states) sql.putAttempt.run(key, count + 1, endsAtMs);
        return { allowed: true };
      }),

    refundAttempt: (keys) =>
      write((nowMs) => {
        for (const key of keys) {
          const row = sql.attempt.get(key, nowMs);
          if (row === undefined) continue;
          const count = integer(row, "count");
          if (count > 1) sql.putAttempt.run(key, count - 1, integer(row, "ends_at"));
          else sql.dropAttempt.run(key);
        }
      }),

    // A write transaction: a file or folder that may only be read shows here, not at the first sign-in.
    probe: () =>
      write(() => {
        sql.one.get();
        return [];
      }),

    close() {
      if (waiting.length > 0) commitWaiting();
      if (database.isOpen) database.close();
      return Promise.resolve();
    },
  };
}

/** An operation on its way to the disk. */
interface Write {
  run(nowMs: number): void;
  done(): void;
  failed(error: unknown): void;
}

function unavailable(error: unknown): StoreUnavailableError {
  if (error instanceof StoreUnavailableError) return error;
  return new StoreUnavailableError(`the SQLite store failed: ${messageOf(error)}`, {
    cause: error,
  });
}

function open(path: string) {
  try {
    return openDatabase(path);
  } catch (error) {
    if (error instanceof StoreRejectedError) throw error;
    throw new StoreRejectedError(`store.path: can not open "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function nameOf(revocation: Revocation): string {
  switch (revocation.kind) {
    case "session":
      return revocation.sid;
    case "token":
      return revocation.jti;
    case "subject":
      return revocation.subject;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
