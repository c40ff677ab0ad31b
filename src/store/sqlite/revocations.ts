/**
 * Marks, the feed and the horizon in the SQLite file. Everything here runs
 * inside a transaction of its caller.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import type { SessionRecord } from "../../base/session.ts";
import {
  encodeCursor,
  FEED_NEVER_WRITTEN,
  FEED_PAGE_SIZE,
  FEED_TRIM_LIMIT,
  FEED_TRIM_MARGIN_MS,
  type FeedPlace,
  feedStart,
  randomFeedName,
} from "../feed.ts";
import {
  EVERYBODY,
  type GroupEnd,
  type GroupRevocation,
  type Revocation,
  type RevocationPage,
} from "../port.ts";
import { CLOCK_SLACK_MS, type Horizon, horizonWith } from "../rules.ts";
import { integer, revocationOf, text } from "./row.ts";

/** The blacklist's part of the SQLite store. */
export interface SqliteRevocations {
  /** The latest mark on one of the groups, or on everybody. */
  markOf(groups: readonly string[], nowMs: number): number | null;
  announce(revocation: Revocation, nowMs: number): void;
  horizon(): Horizon;
  /** Notes that a record was written. */
  widen(record: SessionRecord): void;
  revokeGroup(end: GroupEnd, nowMs: number): GroupRevocation;
  revokeToken(token: { readonly jti: string; readonly untilMs: number }, nowMs: number): void;
  isTokenRevoked(jti: string, nowMs: number): boolean;
  since(cursor: string | null): RevocationPage;
}

/** Prepares the statements. */
export function createSqliteRevocations(database: DatabaseSync): SqliteRevocations {
  const sql = {
    putMark: database.prepare(
      `INSERT INTO group_mark VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET
         not_after = excluded.not_after, ends_at = max(ends_at, excluded.ends_at)`,
    ),
    mark: database.prepare("SELECT not_after FROM group_mark WHERE name = ? AND ends_at > ?"),
    putToken: database.prepare("INSERT OR REPLACE INTO token VALUES (?, ?)"),
    token: database.prepare("SELECT ends_at FROM token WHERE jti = ? AND ends_at > ?"),
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
    horizon: database.prepare("SELECT * FROM horizon"),
    putHorizon: database.prepare(
      "UPDATE horizon SET latest_birth = ?, access_ends_at = ?, record_ends_at = ?",
    ),
  };

  function headOfFeed(): FeedPlace {
    const row = sql.head.get();
    if (row === undefined) return FEED_NEVER_WRITTEN;
    return { epoch: text(row, "epoch"), seq: integer(row, "seq"), id: text(row, "id") };
  }

  function markOn(group: string, nowMs: number): number | null {
    const row = sql.mark.get(group, nowMs);
    return row === undefined ? null : integer(row, "not_after");
  }

  function horizon(): Horizon {
    const row = sql.horizon.get() ?? {};
    return {
      latestBirthMs: integer(row, "latest_birth"),
      accessEndsAtMs: integer(row, "access_ends_at"),
      recordEndsAtMs: integer(row, "record_ends_at"),
    };
  }

  function announce(revocation: Revocation, nowMs: number): void {
    const head = headOfFeed();
    const epoch = head.epoch || randomFeedName();
    const seq = head.seq + 1;
    const id = randomFeedName();
    const notAfterMs = revocation.kind === "group" ? revocation.notAfterMs : 0;
    sql.appendFeed.run(
      seq,
      id,
      revocation.kind,
      nameOf(revocation),
      notAfterMs,
      revocation.untilMs,
    );
    sql.putHead.run(epoch, seq, id);
    sql.trimFeed.run({ limit: FEED_TRIM_LIMIT, margin: FEED_TRIM_MARGIN_MS, now: nowMs });
  }

  return {
    announce,
    horizon,

    markOf(groups, nowMs) {
      let latest = markOn(EVERYBODY, nowMs);
      for (const group of groups) {
        const mark = markOn(group, nowMs);
        if (mark !== null && (latest === null || mark > latest)) latest = mark;
      }
      return latest;
    },

    widen(record) {
      const known = horizon();
      const wide = horizonWith(known, record);
      sql.putHorizon.run(wide.latestBirthMs, wide.accessEndsAtMs, wide.recordEndsAtMs);
    },

    revokeGroup({ group, notAfterMs: upTo, denyForMs, rememberForMs }, nowMs) {
      const { latestBirthMs, accessEndsAtMs, recordEndsAtMs } = horizon();
      const notAfterMs = Math.max(
        upTo ?? Math.max(nowMs, latestBirthMs),
        markOn(group, nowMs) ?? 0,
      );
      const endsAtMs = Math.max(nowMs + rememberForMs, recordEndsAtMs) + CLOCK_SLACK_MS;
      sql.putMark.run(group, notAfterMs, endsAtMs);
      const untilMs = Math.max(nowMs + denyForMs, accessEndsAtMs);
      const revocation = { kind: "group", group, notAfterMs, untilMs } as const;
      announce(revocation, nowMs);
      return revocation;
    },

    revokeToken({ jti, untilMs }, nowMs) {
      if (untilMs <= nowMs) return;
      const endsAtMs = untilMs + CLOCK_SLACK_MS;
      const known = sql.token.get(jti, nowMs);
      if (known !== undefined && integer(known, "ends_at") >= endsAtMs) return;
      sql.putToken.run(jti, endsAtMs);
      announce({ kind: "token", jti, untilMs }, nowMs);
    },

    isTokenRevoked: (jti, nowMs) => sql.token.get(jti, nowMs) !== undefined,

    since(cursor) {
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
      return { entries: rows.map(revocationOf), cursor: encodeCursor(place), reset, more };
    },
  };
}

function nameOf(revocation: Revocation): string {
  switch (revocation.kind) {
    case "session":
      return revocation.sid;
    case "token":
      return revocation.jti;
    case "group":
      return revocation.group;
  }
}
