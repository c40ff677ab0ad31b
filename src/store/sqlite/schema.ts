/**
 * The SQLite file: where it is made, how it is opened, what its tables hold.
 * Times are milliseconds since the epoch unless a column's name says seconds.
 *
 * @module
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreRejectedError } from "../port.ts";
import { migrateFromVersion1 } from "./migration.ts";

/** How long opening waits for another process: nobody is served yet. */
const OPENING_TIMEOUT_MS = 1_000;

/**
 * How long a statement waits for another process' write. It holds up everybody here, so it is
 * what a write of another one takes; longer waits are those of `writes.ts`, which hold up nobody.
 */
const BUSY_TIMEOUT_MS = 4;

/** `PRAGMA user_version` of the tables below. */
const SCHEMA_VERSION = 2;

const SCHEMA = `
-- One row a session. Written by open, rotate, bind, revokeSession.
CREATE TABLE session (
  sid TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  claims TEXT NOT NULL,                         -- JSON object
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  cap_seconds INTEGER NOT NULL,
  user_agent TEXT NOT NULL,
  ip TEXT NOT NULL,
  groups TEXT NOT NULL,                         -- JSON array of names
  bound TEXT,                                   -- JSON object: jkt, by
  sealed TEXT,
  latest_exp INTEGER NOT NULL,                  -- seconds
  previous_jti TEXT,                            -- what the live refresh token was exchanged for
  refresh_jti TEXT NOT NULL,
  access_jti TEXT NOT NULL,
  issued_at_seconds INTEGER NOT NULL,
  access_expires_at_seconds INTEGER NOT NULL,
  refresh_expires_at_seconds INTEGER NOT NULL,
  revoked_until INTEGER,                        -- how long the feed tells of it; NULL: it stands
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_subject ON session (subject, created_at) WHERE revoked_until IS NULL;
CREATE INDEX session_ends_at ON session (ends_at);

-- What a spent refresh token was exchanged for, while its grace window lasts. Written by rotate.
CREATE TABLE successor (
  sid TEXT NOT NULL,
  spent_jti TEXT NOT NULL,
  refresh_jti TEXT NOT NULL,
  access_jti TEXT NOT NULL,
  issued_at_seconds INTEGER NOT NULL,
  access_expires_at_seconds INTEGER NOT NULL,
  refresh_expires_at_seconds INTEGER NOT NULL,
  spent_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  PRIMARY KEY (sid, spent_jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX successor_ends_at ON successor (ends_at);

-- Sessions of the group up to not_after are revoked. Written by revokeGroup.
CREATE TABLE group_mark (
  name TEXT PRIMARY KEY,
  not_after INTEGER NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX group_mark_ends_at ON group_mark (ends_at);

-- Single tokens that are revoked. Written by revokeToken.
CREATE TABLE token (
  jti TEXT PRIMARY KEY,
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_ends_at ON token (ends_at);

-- Sessions revoked after their row had gone. Written by revokeSession.
CREATE TABLE departed (
  sid TEXT PRIMARY KEY,
  until INTEGER NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX departed_ends_at ON departed (ends_at);

-- The revocation feed. Written by everything that revokes; cut off at its head.
CREATE TABLE feed (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('session', 'token', 'group')),
  name TEXT NOT NULL,                           -- sid, jti or group
  not_after INTEGER NOT NULL,                   -- of a group, else 0
  until INTEGER NOT NULL
) STRICT;

-- The place of the newest feed entry, also when it has been cut off: at most one row.
CREATE TABLE feed_head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  id TEXT NOT NULL
) STRICT;

-- What is known of all sessions at once (\`Horizon\` in rules.ts): one row.
CREATE TABLE horizon (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  latest_birth INTEGER NOT NULL,
  access_ends_at INTEGER NOT NULL,
  record_ends_at INTEGER NOT NULL
) STRICT;
INSERT INTO horizon VALUES (1, 0, 0, 0);

-- Failed attempts in a window, and the wait that the last one brought. Written by settleAttempt.
CREATE TABLE failure (
  name TEXT PRIMARY KEY,
  count INTEGER NOT NULL,
  wait_until INTEGER NOT NULL,                  -- 0: no wait
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX failure_ends_at ON failure (ends_at);

-- Attempts under way. Written by reserveAttempt, taken out by settleAttempt.
CREATE TABLE attempt (
  name TEXT NOT NULL,
  id TEXT NOT NULL,
  ends_at INTEGER NOT NULL,
  PRIMARY KEY (name, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_ends_at ON attempt (ends_at);

-- Attempts that were settled a moment ago. Written by settleAttempt.
CREATE TABLE settled (
  id TEXT PRIMARY KEY,
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settled_ends_at ON settled (ends_at);
`;

/** Tables whose rows go at `ends_at`, with their key. */
export const EXPIRING_TABLES = [
  { table: "session", key: "sid" },
  { table: "successor", key: "sid, spent_jti" },
  { table: "group_mark", key: "name" },
  { table: "token", key: "jti" },
  { table: "departed", key: "sid" },
  { table: "failure", key: "name" },
  { table: "attempt", key: "name, id" },
  { table: "settled", key: "id" },
] as const;

/**
 * Opens the file, making it (0600) and its folder (0700) when they are absent.
 * Throws {@link StoreRejectedError} for a file that is not Postern's, or newer.
 */
export function openDatabase(path: string): DatabaseSync {
  createPrivately(path);
  const database = new DatabaseSync(path, { timeout: OPENING_TIMEOUT_MS });
  try {
    // FULL, not NORMAL: after a power cut, a lost rotation would look like reuse
    // and a lost revocation would bring a session back.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    migrate(database, path);
    tighten(path);
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * SQLite gives the files beside it (`-wal`, `-shm`) the permissions of the main one; those
 * that were there already, and wider, are narrowed.
 */
function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    if (existsSync(file)) chmodSync(file, 0o600);
  }
}

/** A file of ours that others could read, from an earlier version or a copy, is closed to them. */
function tighten(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined || (found.mode & 0o077) === 0) continue;
    try {
      chmodSync(file, 0o600);
    } catch {
      // It is another user's; the doctor tells.
    }
  }
}

function migrate(database: DatabaseSync, path: string): void {
  // Two processes may start at once: the second waits here and finds the tables made.
  database.exec("BEGIN IMMEDIATE");
  try {
    const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
    if (version === 0) {
      const tables = database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"];
      if (tables !== 0) {
        throw new StoreRejectedError(
          `store.path: "${path}" is a database of something else; choose another file`,
        );
      }
      database.exec(`${SCHEMA}; PRAGMA user_version = ${SCHEMA_VERSION}`);
    } else if (version === 1) {
      migrateFromVersion1(database, SCHEMA);
      database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    } else if (version !== SCHEMA_VERSION) {
      throw new StoreRejectedError(
        `store.path: "${path}" was written by another version of Postern (schema ${version}, ` +
          `this one knows ${SCHEMA_VERSION}); run that version or choose another file`,
      );
    }
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
