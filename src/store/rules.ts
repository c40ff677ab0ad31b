/**
 * What the adapters decide, apart from how they keep it. The memory and the
 * SQLite adapter run these; the Lua scripts state the same rules for Redis,
 * and the contract suite holds all three to them.
 *
 * @module
 */
import type { SessionRecord, TokenGeneration } from "../base/session.ts";
import type { Rotation } from "./port.ts";

/**
 * A record outlives its refresh token by this much: a token that is let pass
 * within the clock tolerance still finds its session.
 */
export const RECORD_MARGIN_MS = 60_000;

/** When the record of a session with this generation goes. */
export function recordEndsAtMs(generation: TokenGeneration): number {
  return generation.refreshExpiresAtSeconds * 1000 + RECORD_MARGIN_MS;
}

/** Whether a session that stands in the store is still worth showing to its owner. */
export function isUnexpired(record: SessionRecord, nowMs: number): boolean {
  return record.current.refreshExpiresAtSeconds * 1000 > nowMs;
}

/** What the store knows when a refresh token is presented. */
export interface RotationFacts {
  /** The session, or `null` when it expired or never was. */
  readonly record: SessionRecord | null;
  /** The session itself carries a revocation mark. */
  readonly marked: boolean;
  /** Sessions of the subject up to this time are revoked; `null`: no such mark. */
  readonly notAfterMs: number | null;
  /** What the presented token was exchanged for, while its grace window lasts. */
  readonly successor: TokenGeneration | null;
}

/** What a rotation comes to; the adapter writes it down. */
export type RotationDecision =
  | { readonly kind: "unknown" }
  | { readonly kind: "revoked" }
  | { readonly kind: "rotate"; readonly record: SessionRecord }
  | {
    readonly kind: "replay";
    readonly record: SessionRecord;
    readonly generation: TokenGeneration;
  }
  | { readonly kind: "reuse"; readonly record: SessionRecord };

/** Decides what a rotation comes to. The order of the questions is part of the contract. */
export function decideRotation(
  facts: RotationFacts,
  rotation: Rotation,
  nowMs: number,
): RotationDecision {
  const { record, successor } = facts;
  if (record === null || record.subject !== rotation.subject) return { kind: "unknown" };
  if (facts.marked || isSuperseded(record, facts.notAfterMs)) return { kind: "revoked" };
  if (rotation.presentedJti === record.current.refreshJti) {
    return { kind: "rotate", record: successorRecord(record, rotation, nowMs) };
  }
  if (successor !== null) return { kind: "replay", record, generation: successor };
  // The very call that made the live generation, repeated: its answer was lost.
  if (rotation.next.refreshJti === record.current.refreshJti) {
    return { kind: "replay", record, generation: record.current };
  }
  return { kind: "reuse", record };
}

/** Whether "sign out everywhere" at `notAfterMs` covers the session. */
export function isSuperseded(
  session: Pick<SessionRecord, "createdAtMs">,
  notAfterMs: number | null,
): boolean {
  return notAfterMs !== null && session.createdAtMs <= notAfterMs;
}

function successorRecord(
  record: SessionRecord,
  { next, claims }: Rotation,
  nowMs: number,
): SessionRecord {
  return {
    ...record,
    claims: claims ?? record.claims,
    lastSeenAtMs: nowMs,
    current: {
      ...next,
      refreshExpiresAtSeconds: Math.min(next.refreshExpiresAtSeconds, record.capSeconds),
    },
  };
}
