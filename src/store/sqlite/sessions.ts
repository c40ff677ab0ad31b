/**
 * Sessions in the SQLite file. Everything here runs inside a transaction of
 * its caller.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import type { KeyBinding, SessionRecord } from "../../base/session.ts";
import type {
  BindOutcome,
  NewSession,
  OpenLimits,
  OpenOutcome,
  Rotation,
  RotationOutcome,
  SessionEnd,
  SessionEndOutcome,
  SessionRevocation,
} from "../port.ts";
import {
  CLOCK_SLACK_MS,
  decideRotation,
  isCovered,
  isUnexpired,
  MAX_ENDED_AT_ONCE,
  recordEndsAtMs,
  recordOf,
  sessionDeniedUntilMs,
} from "../rules.ts";
import type { SqliteRevocations } from "./revocations.ts";
import {
  generationOf,
  groupsOf,
  integer,
  integerOrNull,
  type Row,
  sessionOf,
  text,
  textOrNull,
} from "./row.ts";

/** The sessions' part of the SQLite store. */
export interface SqliteSessions {
  open(session: NewSession, limits: OpenLimits, nowMs: number): OpenOutcome;
  rotate(rotation: Rotation, nowMs: number): RotationOutcome;
  bind(sid: string, bound: KeyBinding, nowMs: number): BindOutcome;
  revoke(end: SessionEnd, nowMs: number): SessionEndOutcome;
  /** The row, whatever became of the session; `null` when it is gone. */
  rowOf(sid: string, nowMs: number): Row | null;
  /** Whether it was revoked after its row had gone. */
  isDeparted(sid: string, nowMs: number): boolean;
  /** Whether the session of a row, or a group that it is in, has been revoked. */
  isRevoked(row: Row, nowMs: number): boolean;
}

/** Prepares the statements. */
export function createSqliteSessions(
  database: DatabaseSync,
  revocations: SqliteRevocations,
): SqliteSessions {
  const sql = {
    put: database.prepare(
      `INSERT INTO session VALUES
         (:sid, :subject, :claims, :createdAt, :lastSeenAt, :cap, :userAgent, :ip,
          :groups, :bound, :sealed, :latestExp, :previousJti, :refreshJti, :accessJti,
          :issuedAt, :accessExpiresAt, :refreshExpiresAt, NULL, :endsAt)
       ON CONFLICT (sid) DO UPDATE SET
         claims = excluded.claims, last_seen_at = excluded.last_seen_at,
         groups = excluded.groups, sealed = excluded.sealed, latest_exp = excluded.latest_exp,
         previous_jti = excluded.previous_jti,
         refresh_jti = excluded.refresh_jti, access_jti = excluded.access_jti,
         issued_at_seconds = excluded.issued_at_seconds,
         access_expires_at_seconds = excluded.access_expires_at_seconds,
         refresh_expires_at_seconds = excluded.refresh_expires_at_seconds,
         ends_at = excluded.ends_at`,
    ),
    session: database.prepare("SELECT * FROM session WHERE sid = ? AND ends_at > ?"),
    revoke: database.prepare("UPDATE session SET revoked_until = ? WHERE sid = ?"),
    bind: database.prepare("UPDATE session SET bound = ? WHERE sid = ?"),
    seal: database.prepare("UPDATE session SET sealed = ? WHERE sid = ?"),
    surplus: database.prepare(
      `SELECT count(*) AS n FROM (SELECT 1 FROM session
         WHERE subject = ? AND revoked_until IS NULL
         ORDER BY created_at DESC LIMIT ${MAX_ENDED_AT_ONCE} OFFSET ?)`,
    ),
    oldest: database.prepare(
      `SELECT * FROM session WHERE subject = ? AND revoked_until IS NULL AND sid <> ?
       ORDER BY created_at, sid LIMIT ?`,
    ),
    putSuccessor: database.prepare(
      "INSERT OR REPLACE INTO successor VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    // An age below zero is infinitely old: the clock was set.
    successor: database.prepare(
      `SELECT * FROM successor WHERE sid = :sid AND spent_jti = :jti
         AND ends_at > :now AND spent_at <= :now`,
    ),
    putDeparted: database.prepare("INSERT OR REPLACE INTO departed VALUES (?, ?, ?)"),
    departed: database.prepare("SELECT until FROM departed WHERE sid = ? AND ends_at > ?"),
  };

  const rowOf = (sid: string, nowMs: number): Row | null => sql.session.get(sid, nowMs) ?? null;

  function isRevoked(row: Row, nowMs: number): boolean {
    if (integerOrNull(row, "revoked_until") !== null) return true;
    return isCovered(integer(row, "created_at"), revocations.markOf(groupsOf(row), nowMs));
  }

  function keep(record: SessionRecord, previousJti: string | null): void {
    const { current } = record;
    sql.put.run({
      sid: record.sid,
      subject: record.subject,
      claims: JSON.stringify(record.claims),
      createdAt: record.createdAtMs,
      lastSeenAt: record.lastSeenAtMs,
      cap: record.capSeconds,
      userAgent: record.userAgent,
      ip: record.ip,
      groups: JSON.stringify(record.groups),
      bound: record.bound === null ? null : JSON.stringify(record.bound),
      sealed: record.sealed,
      latestExp: record.latestExp,
      previousJti,
      refreshJti: current.refreshJti,
      accessJti: current.accessJti,
      issuedAt: current.issuedAtSeconds,
      accessExpiresAt: current.accessExpiresAtSeconds,
      refreshExpiresAt: current.refreshExpiresAtSeconds,
      endsAt: recordEndsAtMs(record),
    });
    revocations.widen(record);
  }

  function end(record: SessionRecord, denyForMs: number, nowMs: number): SessionRevocation {
    const untilMs = sessionDeniedUntilMs(record, denyForMs, nowMs);
    sql.revoke.run(untilMs, record.sid);
    const revocation = { kind: "session", sid: record.sid, untilMs } as const;
    revocations.announce(revocation, nowMs);
    return revocation;
  }

  /** Ends the oldest sessions beyond the limit; those that are dead already go without a word. */
  function endSurplus(
    { sid, subject }: NewSession,
    { maxSessions, denyForMs }: OpenLimits,
    nowMs: number,
  ): SessionRevocation[] {
    const count = integer(sql.surplus.get(subject, maxSessions) ?? {}, "n");
    if (count === 0) return [];
    const ended: SessionRevocation[] = [];
    for (const row of sql.oldest.all(subject, sid, count)) {
      const record = sessionOf(row);
      if (integer(row, "ends_at") <= nowMs || isRevoked(row, nowMs)) {
        sql.revoke.run(sessionDeniedUntilMs(record, denyForMs, nowMs), record.sid);
      } else {
        ended.push(end(record, denyForMs, nowMs));
      }
    }
    return ended;
  }

  function spend(
    sid: string,
    rotation: Rotation,
    record: SessionRecord,
    nowMs: number,
  ): void {
    const { current } = record;
    keep(record, rotation.presentedJti);
    sql.putSuccessor.run(
      sid,
      rotation.presentedJti,
      current.refreshJti,
      current.accessJti,
      current.issuedAtSeconds,
      current.accessExpiresAtSeconds,
      current.refreshExpiresAtSeconds,
      nowMs,
      nowMs + rotation.graceMs,
    );
  }

  return {
    rowOf,
    isRevoked,

    isDeparted: (sid, nowMs) => sql.departed.get(sid, nowMs) !== undefined,

    open(session, limits, nowMs) {
      const notAfterMs = revocations.markOf(session.groups, nowMs);
      if (notAfterMs !== null && isCovered(session.createdAtMs, notAfterMs)) {
        return { kind: "superseded", notAfterMs };
      }
      // A repeated call must not bring back what was revoked in between.
      if (rowOf(session.sid, nowMs) !== null) return { kind: "opened", ended: [] };
      keep(recordOf(session), null);
      return { kind: "opened", ended: endSurplus(session, limits, nowMs) };
    },

    rotate(rotation, nowMs) {
      const { sid, presentedJti } = rotation;
      const row = rowOf(sid, nowMs);
      const successor = sql.successor.get({ sid, jti: presentedJti, now: nowMs });
      const record = row === null ? null : sessionOf(row);
      const decision = decideRotation(
        {
          record,
          previousJti: row === null ? null : textOrNull(row, "previous_jti"),
          revoked: row !== null && record !== null && (isRevoked(row, nowMs) ||
            // A record from before groups is in those of its token.
            (record.groups.length === 0 &&
              isCovered(record.createdAtMs, revocations.markOf(rotation.groups, nowMs)))),
          successor: successor === undefined ? null : generationOf(successor),
        },
        rotation,
        nowMs,
      );
      switch (decision.kind) {
        case "unknown":
        case "revoked":
          return decision;
        case "unproven": {
          const { kind, bound, sealed } = decision;
          if (sealed !== undefined) sql.seal.run(sealed, sid);
          return { kind, bound };
        }
        case "replay": {
          const { record: session, generation } = decision;
          return { kind: "replayed", session, generation };
        }
        case "renew":
          keep(decision.record, presentedJti);
          return {
            kind: "replayed",
            session: decision.record,
            generation: decision.record.current,
          };
        case "rotate":
          spend(sid, rotation, decision.record, nowMs);
          return {
            kind: "rotated",
            session: decision.record,
            generation: decision.record.current,
          };
        case "reuse": {
          const { untilMs } = end(decision.record, rotation.denyForMs, nowMs);
          return { kind: "reused", session: decision.record, untilMs };
        }
      }
    },

    bind(sid, bound, nowMs) {
      const row = rowOf(sid, nowMs);
      if (row === null || isRevoked(row, nowMs)) return "gone";
      const session = sessionOf(row);
      if (!isUnexpired(session, nowMs)) return "gone";
      if (session.bound !== null) return session.bound.jkt === bound.jkt ? "bound" : "already";
      sql.bind.run(JSON.stringify({ jkt: bound.jkt, by: bound.by }), sid);
      return "bound";
    },

    revoke({ sid, subject, denyForMs, mustExist }, nowMs) {
      const row = rowOf(sid, nowMs);
      const isAnothers = row !== null && subject !== undefined && text(row, "subject") !== subject;
      if (row === null || (mustExist && isAnothers)) {
        if (mustExist) return { kind: "not_found" };
        const known = sql.departed.get(sid, nowMs);
        if (known !== undefined) {
          return { kind: "already_revoked", untilMs: integer(known, "until"), subject: null };
        }
        const untilMs = Math.max(nowMs + denyForMs, revocations.horizon().accessEndsAtMs);
        sql.putDeparted.run(sid, untilMs, untilMs + CLOCK_SLACK_MS);
        revocations.announce({ kind: "session", sid, untilMs }, nowMs);
        return { kind: "revoked", untilMs, subject: null };
      }
      const record = sessionOf(row);
      if (isRevoked(row, nowMs)) {
        const untilMs = integerOrNull(row, "revoked_until") ??
          sessionDeniedUntilMs(record, denyForMs, nowMs);
        return { kind: "already_revoked", untilMs, subject: record.subject };
      }
      const { untilMs } = end(record, denyForMs, nowMs);
      return { kind: "revoked", untilMs, subject: record.subject };
    },
  };
}
