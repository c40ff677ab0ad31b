/**
 * A file of version 1 is taken over as it stands: who was signed in stays so,
 * what was revoked stays so.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { RECORD_MARGIN_MS } from "../rules.ts";

const OLD_TABLES = ["session", "successor", "subject", "token", "departed", "feed", "attempt"];

/**
 * Moves the rows of version 1 into the tables of `schema`. How long its access
 * tokens were minted to live is not on record: as long as their refresh tokens
 * at most. A subject's mark becomes a mark on each of its sessions, for
 * version 1 knew no groups. Attempts are let go.
 */
export function migrateFromVersion1(database: DatabaseSync, schema: string): void {
  for (const table of OLD_TABLES) database.exec(`ALTER TABLE ${table} RENAME TO old_${table}`);
  database.exec("ALTER TABLE feed_head RENAME TO old_feed_head");
  const indexes = database.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL",
  ).all();
  for (const { name } of indexes) database.exec(`DROP INDEX "${String(name)}"`);
  database.exec(schema);
  database.exec(`
INSERT INTO session
  SELECT sid, s.subject, claims, created_at, last_seen_at, cap_seconds, user_agent, ip,
    '[]', NULL, NULL, refresh_expires_at_seconds, NULL,
    refresh_jti, access_jti, issued_at_seconds,
    min(issued_at_seconds + 1800, refresh_expires_at_seconds), refresh_expires_at_seconds,
    CASE WHEN revoked <> 0 OR created_at <= coalesce(m.not_after, -1)
      THEN refresh_expires_at_seconds * 1000 + ${RECORD_MARGIN_MS} END,
    s.ends_at
  FROM old_session s LEFT JOIN old_subject m ON m.subject = s.subject;
INSERT INTO successor
  SELECT sid, spent_jti, refresh_jti, access_jti, issued_at_seconds,
    min(issued_at_seconds + 1800, refresh_expires_at_seconds), refresh_expires_at_seconds, 0, ends_at
  FROM old_successor;
INSERT INTO token SELECT * FROM old_token;
INSERT INTO departed SELECT sid, ends_at, ends_at FROM old_departed;
INSERT INTO feed_head SELECT * FROM old_feed_head;
INSERT INTO feed SELECT * FROM old_feed WHERE kind <> 'subject';
UPDATE horizon SET
  latest_birth = coalesce((SELECT max(created_at) FROM session), 0),
  access_ends_at = coalesce((SELECT max(ends_at) FROM session), 0),
  record_ends_at = coalesce((SELECT max(ends_at) FROM session), 0);
-- Told anew, in a feed that readers of the old one do not know: they read it from the beginning.
UPDATE feed_head SET epoch = lower(hex(randomblob(8)));
INSERT INTO feed
  SELECT (SELECT coalesce(max(seq), 0) FROM feed_head) + row_number() OVER (ORDER BY sid),
    lower(hex(randomblob(8))), 'session', sid, 0, revoked_until
  FROM session WHERE revoked_until IS NOT NULL;
INSERT OR REPLACE INTO feed_head
  SELECT 1, coalesce((SELECT epoch FROM feed_head), lower(hex(randomblob(8)))), seq, id
  FROM feed ORDER BY seq DESC LIMIT 1;
`);
  for (const table of OLD_TABLES) database.exec(`DROP TABLE old_${table}`);
  database.exec("DROP TABLE old_feed_head");
}
