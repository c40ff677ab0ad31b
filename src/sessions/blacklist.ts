/**
 * What has been revoked, in memory: a look-up costs no round trip.
 *
 * @module
 */
import type { Moment } from "../base/clock.ts";
import { EVERYBODY } from "../store/port.ts";
import type { Revocation } from "../store/port.ts";

/** What of a token decides whether it has been revoked. */
export interface Revocable {
  /** `null`: there is no session of ours behind it. */
  readonly sid: string | null;
  readonly jti: string;
  /** Names of the groups that its session is in. */
  readonly groups: readonly string[];
  /** Birth of its session, or of the token where there is none. */
  readonly sessionCreatedAtMs: number;
}

/** Entries stay this much longer than they have to serve: clocks tolerate each other. */
const MARGIN_MS = 60_000;

/** A difference between two clocks that grows by more than this at once is a clock that was set. */
const STEP_MS = 60_000;

/** After a clock was set nothing is dropped for so long: it may be set back. */
const DISTRUST_MS = 6 * 3_600_000;

/** Holds {@link Revocation}s until they have served their time. */
export interface Blacklist {
  isRevoked(token: Revocable): boolean;
  apply(revocation: Revocation): void;
  /** Everything that is held. */
  entries(): Revocation[];
  /** Drops what has served its time. */
  tidy(now: Moment): void;
  size(): number;
}

/** Creates an empty one. */
export function createBlacklist(): Blacklist {
  const sessions = new Map<string, number>();
  const tokens = new Map<string, number>();
  const groups = new Map<string, { notAfterMs: number; untilMs: number }>();
  let everybodyMs = -Infinity;
  let offsetMs: number | null = null;
  let trustedFromMs = -Infinity;

  /** Whether the wall clock has been left alone for long enough. */
  function isSteady({ wallMs, monotonicMs }: Moment): boolean {
    const nowOffsetMs = wallMs - monotonicMs;
    if (offsetMs !== null && Math.abs(nowOffsetMs - offsetMs) > STEP_MS) {
      trustedFromMs = monotonicMs + DISTRUST_MS;
    }
    offsetMs = nowOffsetMs;
    return monotonicMs >= trustedFromMs;
  }

  return {
    isRevoked({ sid, jti, groups: names, sessionCreatedAtMs }) {
      if (tokens.has(jti) || (sid !== null && sessions.has(sid))) return true;
      if (sessionCreatedAtMs <= everybodyMs) return true;
      for (const name of names) {
        const mark = groups.get(name);
        if (mark !== undefined && sessionCreatedAtMs <= mark.notAfterMs) return true;
      }
      return false;
    },

    apply(revocation) {
      const { untilMs } = revocation;
      switch (revocation.kind) {
        case "session":
          sessions.set(revocation.sid, Math.max(untilMs, sessions.get(revocation.sid) ?? 0));
          return;
        case "token":
          tokens.set(revocation.jti, Math.max(untilMs, tokens.get(revocation.jti) ?? 0));
          return;
        case "group": {
          const { group, notAfterMs } = revocation;
          const known = groups.get(group);
          groups.set(group, {
            notAfterMs: Math.max(notAfterMs, known?.notAfterMs ?? 0),
            untilMs: Math.max(untilMs, known?.untilMs ?? 0),
          });
          if (group === EVERYBODY) everybodyMs = Math.max(everybodyMs, notAfterMs);
          return;
        }
        default:
          revocation satisfies never;
      }
    },

    entries: () => [
      ...Array.from(sessions, ([sid, untilMs]) => ({ kind: "session", sid, untilMs }) as const),
      ...Array.from(tokens, ([jti, untilMs]) => ({ kind: "token", jti, untilMs }) as const),
      ...Array.from(groups, ([group, mark]) => ({ kind: "group", group, ...mark }) as const),
    ],

    /** Entries arrive roughly in the order in which they end: dropping from the front is enough. */
    tidy(now) {
      if (!isSteady(now)) return;
      const beforeMs = now.wallMs - MARGIN_MS;
      for (const list of [sessions, tokens]) {
        for (const [name, untilMs] of list) {
          if (untilMs > beforeMs) break;
          list.delete(name);
        }
      }
      for (const [group, { untilMs }] of groups) {
        if (untilMs > beforeMs) break;
        groups.delete(group);
        if (group === EVERYBODY) everybodyMs = -Infinity;
      }
    },

    size: () => sessions.size + tokens.size + groups.size,
  };
}
