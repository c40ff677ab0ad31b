/**
 * Rows of the SQLite file as typed values: whatever another hand has put there
 * is refused here and checked nowhere else.
 *
 * @module
 */
import type { SQLOutputValue } from "node:sqlite";
import { StoreUnavailableError } from "../../base/errors.ts";
import type { SessionRecord, TokenGeneration } from "../../base/session.ts";
import { parseClaims } from "../record_json.ts";
import type { Revocation } from "../port.ts";
import { parseBound, parseGroups } from "../record_json.ts";

/** A row as `node:sqlite` gives it. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** Reads a text column. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw damaged(column);
  return value;
}

/** Reads a text column that may be NULL. */
export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

/** Reads an integer column. */
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw damaged(column);
  return value;
}

/** Reads an integer column that may be NULL. */
export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

/** Reads a token generation from a row of `session` or `successor`. */
export function generationOf(row: Row): TokenGeneration {
  return {
    refreshJti: text(row, "refresh_jti"),
    accessJti: text(row, "access_jti"),
    issuedAtSeconds: integer(row, "issued_at_seconds"),
    accessExpiresAtSeconds: integer(row, "access_expires_at_seconds"),
    refreshExpiresAtSeconds: integer(row, "refresh_expires_at_seconds"),
  };
}

/** Reads the names of groups from a row of `session`. */
export function groupsOf(row: Row): readonly string[] {
  return parseGroups(text(row, "groups"));
}

/** Reads a session from a row of `session`. */
export function sessionOf(row: Row): SessionRecord {
  const bound = textOrNull(row, "bound");
  return {
    sid: text(row, "sid"),
    subject: text(row, "subject"),
    claims: parseClaims(text(row, "claims")),
    createdAtMs: integer(row, "created_at"),
    lastSeenAtMs: integer(row, "last_seen_at"),
    capSeconds: integer(row, "cap_seconds"),
    userAgent: text(row, "user_agent"),
    ip: text(row, "ip"),
    groups: groupsOf(row),
    bound: bound === null ? null : parseBound(bound),
    sealed: textOrNull(row, "sealed"),
    latestExp: integer(row, "latest_exp"),
    current: generationOf(row),
  };
}

/** Reads a feed entry from a row of `feed`. */
export function revocationOf(row: Row): Revocation {
  const untilMs = integer(row, "until");
  const name = text(row, "name");
  switch (text(row, "kind")) {
    case "session":
      return { kind: "session", sid: name, untilMs };
    case "token":
      return { kind: "token", jti: name, untilMs };
    case "group":
      return { kind: "group", group: name, notAfterMs: integer(row, "not_after"), untilMs };
    default:
      throw damaged("kind");
  }
}

function damaged(column: string): StoreUnavailableError {
  return new StoreUnavailableError(`the SQLite store holds no usable "${column}" in a row`);
}
