/**
 * Replies of the Lua scripts as typed values. What is none of ours is refused
 * here, and checked nowhere else.
 *
 * @module
 */
import { StoreUnavailableError } from "../../base/errors.ts";
import type { KeyBinding, SessionRecord, TokenGeneration } from "../../base/session.ts";
import type { NewSession, Revocation, SessionRevocation, TokenStatus } from "../port.ts";
import { parseClaims } from "../record_json.ts";

/** Fields of a session, in the order of SESSION_FIELDS in `lua/session.lua`. */
const FIELD_COUNT = 16;

/** The fields of a session as `lua/open.lua` takes them. */
export function sessionArgs(session: NewSession): readonly string[] {
  const { current, bound } = session;
  return [
    session.subject,
    JSON.stringify(session.claims),
    String(session.createdAtMs),
    String(session.createdAtMs),
    String(session.capSeconds),
    session.userAgent,
    session.ip,
    session.groups.join(" "),
    bound === null ? "" : `${bound.by} ${bound.jkt}`,
    session.sealed ?? "",
    String(current.accessExpiresAtSeconds),
    current.refreshJti,
    current.accessJti,
    String(current.issuedAtSeconds),
    String(current.accessExpiresAtSeconds),
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
  const [subject, claims, createdAt, lastSeenAt, cap, userAgent, ip, ...rest] = fields;
  const [groups, bound, sealed, latestExp, ...generation] = rest;
  return {
    sid,
    subject: text(subject),
    claims: parseClaims(text(claims)),
    createdAtMs: whole(createdAt),
    lastSeenAtMs: whole(lastSeenAt),
    capSeconds: whole(cap),
    userAgent: text(userAgent),
    ip: text(ip),
    groups: text(groups).split(" ").filter((name) => name !== ""),
    bound: boundOf(text(bound)),
    sealed: text(sealed) === "" ? null : text(sealed),
    latestExp: whole(latestExp),
    current: generationOf(generation),
  };
}

/** A session from a row of `lua/list.lua`. */
export function listedSession(row: unknown): SessionRecord {
  const [sid, ...fields] = texts(row);
  return sessionOf(text(sid), fields);
}

/** The sessions that had to give way to a new one, from a reply of `lua/open.lua`. */
export function endedSessions(fields: readonly string[]): readonly SessionRevocation[] {
  const ended: SessionRevocation[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    ended.push({ kind: "session", sid: text(fields[i]), untilMs: whole(fields[i + 1]) });
  }
  return ended;
}

/** The answers of `lua/token_status.lua`. */
export function statuses(reply: unknown): readonly TokenStatus[] {
  return texts(reply).map((status) => {
    if (status === "live" || status === "revoked" || status === "unknown") return status;
    throw unreadable();
  });
}

const ENTRY = /^\d+:[0-9a-f]+:(\d+):(session|token|group|subject):(.*)$/s;
const GROUP_ENTRY = /^(\d+):(.*)$/s;

/** An entry of the feed; none for what was written before there were groups. */
export function revocationsOf(entry: string): readonly Revocation[] {
  const [, until, kind, name] = ENTRY.exec(entry) ?? [];
  const untilMs = whole(until);
  switch (kind) {
    case "session":
      return [{ kind, sid: text(name), untilMs }];
    case "token":
      return [{ kind, jti: text(name), untilMs }];
    case "group": {
      const [, notAfter, group] = GROUP_ENTRY.exec(text(name)) ?? [];
      return [{ kind, group: text(group), notAfterMs: whole(notAfter), untilMs }];
    }
    default:
      return [];
  }
}

/** An answer that no script of ours gives. */
export function unreadable(): StoreUnavailableError {
  return new StoreUnavailableError("the Redis answered unreadably");
}

function generationOf(fields: readonly string[]): TokenGeneration {
  const [refreshJti, accessJti, issuedAt, accessExpiresAt, refreshExpiresAt] = fields;
  return {
    refreshJti: text(refreshJti),
    accessJti: text(accessJti),
    issuedAtSeconds: whole(issuedAt),
    accessExpiresAtSeconds: whole(accessExpiresAt),
    refreshExpiresAtSeconds: whole(refreshExpiresAt),
  };
}

function boundOf(field: string): KeyBinding | null {
  return field === "" ? null : bindingOf(field);
}

/** How a session is bound, and to which key. */
export function bindingOf(field: string): KeyBinding {
  const [, by, jkt] = /^(dbsc|script|dpop) (.+)$/s.exec(field) ?? [];
  if (jkt === undefined || (by !== "dbsc" && by !== "script" && by !== "dpop")) throw unreadable();
  return { jkt, by };
}
