/**
 * Rows of the SQLite file as typed values: whatever another hand has put there
 * is refused here and checked nowhere else.
 *
 * @module
 */
import type { SQLOutputValue } from "node:sqlite";
import { StoreUnavailableError } from "../base/errors.ts";
import type { SessionRecord, TokenGeneration } from "../base/session.ts";
import { parseClaims } from "./claims_json.ts";
import type { Revocation } from "./port.ts";

/** A row as `node:sqlite` gives it. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** Reads a text column. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw damaged(column);
  return value;
}

/** Reads an integer column. */
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw damaged(column);
  return value;
}

/** Reads a token generation from a row of `session` or `successor`. */
export function generationOf(row: Row): TokenGeneration {
  return {
    refreshJti: text(row, "refresh_jti"),
    accessJti: text(row, "access_jti"),
    issuedAtSeconds: integer(row, "issued_at_seconds"),
    refreshExpiresAtSeconds: integer(row, "refresh_expires_at_seconds"),
  };
}

/** Reads a session from a row of `session`. */
export function sessionOf(row: Row): SessionRecord {
  return {
    sid: text(row, "sid"),
    subject: text(row, "subject"),
    claims: parseClaims(text(row, "claims")),
    createdAtMs: integer(row, "created_at"),
    lastSeenAtMs: integer(row, "last_seen_at"),
    capSeconds: integer(row, "cap_seconds"),
    userAgent: text(row, "user_agent"),
    ip: text(row, "ip"),
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
    case "subject":
      return { kind: "subject", subject: name, notAfterMs: integer(row, "not_after"), untilMs };
    default:
      throw damaged("kind");
  }
}

function damaged(column: string): StoreUnavailableError {
  return new StoreUnavailableError(`the SQLite store holds no usable "${column}" in a row`);
}
