/**
 * What the adapters decide, apart from how they keep it. The memory and the
 * SQLite adapter run these; the Lua scripts state the same rules for Redis,
 * and the contract suite holds all of them to it.
 *
 * @module
 */
import type { KeyBinding, SessionRecord, TokenGeneration } from "../base/session.ts";
import { type NewSession, type Rotation, type SessionQuery } from "./port.ts";

/**
 * A record outlives its tokens by this much: a token that is let pass within
 * the clock tolerance still finds its session, and its revocation.
 */
export const RECORD_MARGIN_MS = 60_000;

/**
 * Revocations are kept this much longer than they have to serve, so that a
 * clock that runs ahead for some hours, and is then set right, forgets none
 * that still matters to tokens by the right time.
 */
export const CLOCK_SLACK_MS = 6 * 3_600_000;

/** Older sessions that one sign-in looks at, and ends, at most. */
export const MAX_ENDED_AT_ONCE = 16;

/** When the record of a session goes. */
export function recordEndsAtMs(
  { current, latestExp }: Pick<SessionRecord, "current" | "latestExp">,
): number {
  return Math.max(current.refreshExpiresAtSeconds, latestExp) * 1000 + RECORD_MARGIN_MS;
}

/** Until when the revocation of a session has to stand: its access tokens are all over then. */
export function sessionDeniedUntilMs(
  { latestExp }: Pick<SessionRecord, "latestExp">,
  denyForMs: number,
  nowMs: number,
): number {
  return Math.max(nowMs + denyForMs, latestExp * 1000 + RECORD_MARGIN_MS);
}

/** Whether a session that stands in the store is still worth showing to its owner. */
export function isUnexpired(record: SessionRecord, nowMs: number): boolean {
  return record.current.refreshExpiresAtSeconds * 1000 > nowMs;
}

/** The record of a sign-in. */
export function recordOf(session: NewSession): SessionRecord {
  return {
    ...session,
    lastSeenAtMs: session.createdAtMs,
    latestExp: session.current.accessExpiresAtSeconds,
  };
}

/**
 * What is known of all sessions there are, so that what revokes many of them at
 * once needs no list of them. It only grows.
 */
export interface Horizon {
  /** Birth of the youngest session: by a clock that runs ahead it may be later than now. */
  readonly latestBirthMs: number;
  /** When the last access token ends, with its margin. */
  readonly accessEndsAtMs: number;
  /** When the last record goes. */
  readonly recordEndsAtMs: number;
}

/** The horizon of an empty store. */
export const NO_HORIZON: Horizon = { latestBirthMs: 0, accessEndsAtMs: 0, recordEndsAtMs: 0 };

/** The horizon with one more record behind it. */
export function horizonWith(horizon: Horizon, record: SessionRecord): Horizon {
  return {
    latestBirthMs: Math.max(horizon.latestBirthMs, record.createdAtMs),
    accessEndsAtMs: Math.max(horizon.accessEndsAtMs, record.latestExp * 1000 + RECORD_MARGIN_MS),
    recordEndsAtMs: Math.max(horizon.recordEndsAtMs, recordEndsAtMs(record)),
  };
}

/** What the store knows when a refresh token is presented. */
export interface RotationFacts {
  /** The session, or `null` when it expired or never was. */
  readonly record: SessionRecord | null;
  /** `jti` of the refresh token that the live one was exchanged for; `null` for the first. */
  readonly previousJti: string | null;
  /** The session, or a group that it is in, carries a revocation mark. */
  readonly revoked: boolean;
  /** What the presented token was exchanged for, while its grace window lasts. */
  readonly successor: TokenGeneration | null;
}

/** What a rotation comes to; the adapter writes it down. */
export type RotationDecision =
  | { readonly kind: "unknown" }
  | { readonly kind: "revoked" }
  | {
    readonly kind: "unproven";
    readonly bound: KeyBinding;
    /** What is sealed from now on; `undefined`: what was before. */
    readonly sealed: string | null | undefined;
  }
  | { readonly kind: "rotate"; readonly record: SessionRecord }
  | {
    readonly kind: "replay";
    readonly record: SessionRecord;
    readonly generation: TokenGeneration;
  }
  /** Answers with the live generation again; its access token had ended and was made anew. */
  | { readonly kind: "renew"; readonly record: SessionRecord }
  | { readonly kind: "reuse"; readonly record: SessionRecord };

/** Decides what a rotation comes to. The order of the questions is part of the contract. */
export function decideRotation(
  facts: RotationFacts,
  rotation: Rotation,
  nowMs: number,
): RotationDecision {
  const { record, successor } = facts;
  if (record === null || record.subject !== rotation.subject) return { kind: "unknown" };
  if (facts.revoked) return { kind: "revoked" };
  const isLive = rotation.presentedJti === record.current.refreshJti;
  const { bound } = record;
  if (bound !== null && bound.jkt !== rotation.jkt) {
    return { kind: "unproven", bound, sealed: isLive ? rotation.sealed : undefined };
  }
  if (isLive) {
    return { kind: "rotate", record: successorRecord(record, rotation, nowMs) };
  }
  // Nobody has presented the live token yet: the answer that carried it may have been lost.
  if (rotation.presentedJti === facts.previousJti) {
    const { accessExpiresAtSeconds } = record.current;
    return accessExpiresAtSeconds > rotation.next.issuedAtSeconds
      ? { kind: "replay", record, generation: record.current }
      : { kind: "renew", record: renewedRecord(record, rotation, nowMs) };
  }
  if (successor !== null) return { kind: "replay", record, generation: successor };
  return { kind: "reuse", record };
}

/** Whether a mark up to `notAfterMs` covers what was born at `bornAtMs`. */
export function isCovered(bornAtMs: number, notAfterMs: number | null): boolean {
  return notAfterMs !== null && bornAtMs <= notAfterMs;
}

/** Whether a record is one of those that a query asks for; its subject is looked at elsewhere. */
export function isAskedFor(record: SessionRecord, query: SessionQuery): boolean {
  return (query.group === undefined || record.groups.includes(query.group)) &&
    (query.ip === undefined || record.ip === query.ip) &&
    (query.lastSeenBeforeMs === undefined || record.lastSeenAtMs < query.lastSeenBeforeMs);
}

/** The order of a subject's sessions; equal births are told apart by `sid`. */
export function youngestFirst(
  a: Pick<SessionRecord, "createdAtMs" | "sid">,
  b: Pick<SessionRecord, "createdAtMs" | "sid">,
): number {
  return b.createdAtMs - a.createdAtMs || (a.sid < b.sid ? 1 : a.sid > b.sid ? -1 : 0);
}

/** The same pair, of which the access token begins now. */
function renewedRecord(
  record: SessionRecord,
  { next }: Rotation,
  nowMs: number,
): SessionRecord {
  const accessExpiresAtSeconds = Math.min(
    next.accessExpiresAtSeconds,
    record.current.refreshExpiresAtSeconds,
  );
  return {
    ...record,
    lastSeenAtMs: nowMs,
    latestExp: Math.max(record.latestExp, accessExpiresAtSeconds),
    current: { ...record.current, accessExpiresAtSeconds },
  };
}

function successorRecord(
  record: SessionRecord,
  { next, claims, groups, sealed }: Rotation,
  nowMs: number,
): SessionRecord {
  const refreshExpiresAtSeconds = Math.min(next.refreshExpiresAtSeconds, record.capSeconds);
  const accessExpiresAtSeconds = Math.min(next.accessExpiresAtSeconds, refreshExpiresAtSeconds);
  return {
    ...record,
    claims: claims ?? record.claims,
    groups: record.groups.length === 0 ? groups : record.groups,
    sealed: sealed === undefined ? record.sealed : sealed,
    lastSeenAtMs: nowMs,
    latestExp: Math.max(record.latestExp, accessExpiresAtSeconds),
    current: { ...next, refreshExpiresAtSeconds, accessExpiresAtSeconds },
  };
}
