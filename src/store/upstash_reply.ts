/**
 * Replies of the Lua scripts as typed values. What is none of ours is refused
 * here, and checked nowhere else.
 *
 * @module
 */
import { StoreUnavailableError } from "../base/errors.ts";
import type { SessionRecord, TokenGeneration } from "../base/session.ts";
import { parseClaims } from "./claims_json.ts";
import type { NewSession, Revocation, TokenStatus } from "./port.ts";

/** Fields of a session, in the order of SESSION_FIELDS in `lua/session.lua`. */
const FIELD_COUNT = 11;

/** The fields of a session as `lua/open.lua` takes them. */
export function sessionArgs(session: NewSession): readonly string[] {
  const { current } = session;
  return [
    session.subject,
    JSON.stringify(session.claims),
    String(session.createdAtMs),
    String(session.createdAtMs),
    String(session.capSeconds),
    session.userAgent,
    session.ip,
    current.refreshJti,
    current.accessJti,
    String(current.issuedAtSeconds),
    String(current.refreshExpiresAtSeconds),
  ];
}

/** A list of strings. */
export function texts(reply: unknown): readonly string[] {
  if (!Array.isArray(reply)) throw unreadable();
  return reply.map(text);
}

/** One string. */
export function text(reply: unknown): string {
  if (typeof reply !== "string") throw unreadable();
  return reply;
}

/** A whole number: an integer of Redis, or its digits. */
export function whole(reply: unknown): number {
  const value = typeof reply === "string" && /^-?\d+$/.test(reply) ? Number(reply) : reply;
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw unreadable();
  return value;
}

/** A session and, where the reply goes on, the generation behind it. */
export function sessionAndGeneration(
  sid: string,
  fields: readonly string[],
): { readonly session: SessionRecord; readonly generation: TokenGeneration } {
  return {
    session: sessionOf(sid, fields.slice(0, FIELD_COUNT)),
    generation: generationOf(fields.slice(FIELD_COUNT)),
  };
}

/** A session from its fields. */
export function sessionOf(sid: string, fields: readonly string[]): SessionRecord {
  const [subject, claims, createdAt, lastSeenAt, cap, userAgent, ip, ...generation] = fields;
  return {
    sid,
    subject: text(subject),
    claims: parseClaims(text(claims)),
    createdAtMs: whole(createdAt),
    lastSeenAtMs: whole(lastSeenAt),
    capSeconds: whole(cap),
    userAgent: text(userAgent),
    ip: text(ip),
    current: generationOf(generation),
  };
}

/** A session from a row of `lua/list_sessions.lua`. */
export function listedSession(row: unknown): SessionRecord {
  const [sid, ...fields] = texts(row);
  return sessionOf(text(sid), fields);
}

/** The answers of `lua/token_status.lua`. */
export function statuses(reply: unknown): readonly TokenStatus[] {
  return texts(reply).map((status) => {
    if (status === "live" || status === "revoked" || status === "unknown") return status;
    throw unreadable();
  });
}

const ENTRY = /^\d+:[0-9a-f]+:(\d+):(session|token|subject):(.*)$/s;
const SUBJECT_ENTRY = /^(\d+):(.*)$/s;

/** An entry of the feed. */
export function revocationOf(entry: string): Revocation {
  const [, until, kind, name] = ENTRY.exec(entry) ?? [];
  const untilMs = whole(until);
  switch (kind) {
    case "session":
      return { kind, sid: text(name), untilMs };
    case "token":
      return { kind, jti: text(name), untilMs };
    default: {
      const [, notAfter, subject] = SUBJECT_ENTRY.exec(text(name)) ?? [];
      return {
        kind: "subject",
        subject: text(subject),
        notAfterMs: whole(notAfter),
        untilMs,
      };
    }
  }
}

/** An answer that no script of ours gives. */
export function unreadable(): StoreUnavailableError {
  return new StoreUnavailableError("the Redis at UPSTASH_REDIS_REST_URL answered unreadably");
}

function generationOf(fields: readonly string[]): TokenGeneration {
  const [refreshJti, accessJti, issuedAt, refreshExpiresAt] = fields;
  return {
    refreshJti: text(refreshJti),
    accessJti: text(accessJti),
    issuedAtSeconds: whole(issuedAt),
    refreshExpiresAtSeconds: whole(refreshExpiresAt),
  };
}
