/**
 * The memory adapter: for tests and throw-away runs. It forgets everything
 * when the process ends.
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import type { SessionRecord, TokenGeneration } from "../../base/session.ts";
import type { SessionRevocation, SessionStore } from "../port.ts";
import {
  CLOCK_SLACK_MS,
  decideRotation,
  horizonWith,
  isCovered,
  isUnexpired,
  MAX_ENDED_AT_ONCE,
  NO_HORIZON,
  recordEndsAtMs,
  recordOf,
  sessionDeniedUntilMs,
  youngestFirst,
} from "../rules.ts";
import { createMemoryAttempts } from "./attempts.ts";
import { ExpiringMap } from "./expiring_map.ts";
import { createMemoryFeed } from "./feed.ts";
import { createMemoryMarks } from "./marks.ts";
import { pageOf } from "./page.ts";

/** How often what has expired is swept out. */
const SWEEP_INTERVAL_MS = 60_000;

interface StoredSession {
  readonly record: SessionRecord;
  readonly previousJti: string | null;
  /** Since when, and for how long it is told of; `null`: it stands. */
  readonly revokedUntilMs: number | null;
}

interface Successor {
  readonly generation: TokenGeneration;
  readonly spentAtMs: number;
}

/** Creates an empty store that lives in this process. */
export function createMemoryStore(
  { clock = systemClock }: { readonly clock?: Clock } = {},
): SessionStore {
  const sessions = new ExpiringMap<StoredSession>();
  /** By session and spent `jti`. */
  const successors = new ExpiringMap<Successor>();
  const marks = createMemoryMarks();
  const tokens = new ExpiringMap<true>();
  /** Sessions that were revoked after their record had gone: until when that is told of. */
  const departed = new ExpiringMap<number>();
  const attempts = createMemoryAttempts();
  const feed = createMemoryFeed();
  const maps = [sessions, successors, marks, tokens, departed, attempts, feed];

  let horizon = NO_HORIZON;
  let sweptAtMs = clock();
  let closed = false;

  /** Runs one operation; nothing else runs meanwhile, as there is no `await` in any of them. */
  function operation<T>(work: (nowMs: number) => T): Promise<T> {
    if (closed) return Promise.reject(new StoreUnavailableError("the memory store is closed"));
    const nowMs = clock();
    const sweptAgoMs = nowMs - sweptAtMs;
    if (sweptAgoMs >= SWEEP_INTERVAL_MS || sweptAgoMs < 0) {
      sweptAtMs = nowMs;
      for (const map of maps) map.sweep(nowMs);
    }
    try {
      return Promise.resolve(work(nowMs));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  function keep(stored: StoredSession): void {
    sessions.set(stored.record.sid, stored, recordEndsAtMs(stored.record));
    horizon = horizonWith(horizon, stored.record);
  }

  /** Whether the session, which is there, has been revoked. */
  function isRevoked({ record, revokedUntilMs }: StoredSession, nowMs: number): boolean {
    return revokedUntilMs !== null ||
      isCovered(record.createdAtMs, marks.latest(record.groups, nowMs));
  }

  function isShown(stored: StoredSession, nowMs: number): boolean {
    return !isRevoked(stored, nowMs) && isUnexpired(stored.record, nowMs);
  }

  function end(stored: StoredSession, denyForMs: number, nowMs: number): SessionRevocation {
    const { record } = stored;
    const untilMs = sessionDeniedUntilMs(record, denyForMs, nowMs);
    keep({ ...stored, revokedUntilMs: untilMs });
    const revocation = { kind: "session", sid: record.sid, untilMs } as const;
    feed.announce(revocation);
    return revocation;
  }

  function shownOf(subject: string, nowMs: number): StoredSession[] {
    return Array.from(sessions.values(nowMs))
      .filter((stored) => stored.record.subject === subject && isShown(stored, nowMs))
      .sort((a, b) => youngestFirst(a.record, b.record));
  }

  return {
    open: (session, { maxSessions, denyForMs }) =>
      operation((nowMs) => {
        const notAfterMs = marks.latest(session.groups, nowMs);
        if (notAfterMs !== null && isCovered(session.createdAtMs, notAfterMs)) {
          return { kind: "superseded", notAfterMs };
        }
        // A repeated call must not bring back what was revoked in between.
        if (sessions.get(session.sid, nowMs) !== null) return { kind: "opened", ended: [] };
        keep({
          record: recordOf(structuredClone(session)),
          previousJti: null,
          revokedUntilMs: null,
        });
        const surplus = shownOf(session.subject, nowMs)
          .filter(({ record }) => record.sid !== session.sid)
          .slice(maxSessions - 1)
          .slice(-MAX_ENDED_AT_ONCE)
          .reverse();
        return { kind: "opened", ended: surplus.map((each) => end(each, denyForMs, nowMs)) };
      }),

    rotate: (rotation) =>
      operation((nowMs) => {
        const stored = sessions.get(rotation.sid, nowMs);
        const graceKey = `${rotation.sid}:${rotation.presentedJti}`;
        const successor = successors.get(graceKey, nowMs);
        const decision = decideRotation(
          {
            record: stored?.record ?? null,
            previousJti: stored?.previousJti ?? null,
            revoked: stored !== null && (isRevoked(stored, nowMs) ||
              // A record from before groups is in those of its token.
              (stored.record.groups.length === 0 &&
                isCovered(stored.record.createdAtMs, marks.latest(rotation.groups, nowMs)))),
            // An age below zero is infinitely old: the clock was set.
            successor: successor !== null && successor.spentAtMs <= nowMs
              ? successor.generation
              : null,
          },
          rotation,
          nowMs,
        );
        switch (decision.kind) {
          case "unknown":
          case "revoked":
            return decision;
          case "unproven": {
            const { kind, bound, sealed } = decision;
            if (stored !== null && sealed !== undefined) {
              keep({ ...stored, record: { ...stored.record, sealed } });
            }
            return { kind, bound };
          }
          case "replay": {
            const { record: session, generation } = decision;
            return { kind: "replayed", session, generation };
          }
          case "renew": {
            const { record } = decision;
            keep({ record, previousJti: rotation.presentedJti, revokedUntilMs: null });
            return { kind: "replayed", session: record, generation: record.current };
          }
          case "rotate": {
            const session = structuredClone(decision.record);
            keep({ record: session, previousJti: rotation.presentedJti, revokedUntilMs: null });
            successors.set(
              graceKey,
              { generation: session.current, spentAtMs: nowMs },
              nowMs + rotation.graceMs,
            );
            return { kind: "rotated", session, generation: session.current };
          }
          case "reuse": {
            const { record: session } = decision;
            const known = stored ?? { record: session, previousJti: null, revokedUntilMs: null };
            const { untilMs } = end(known, rotation.denyForMs, nowMs);
            return { kind: "reused", session, untilMs };
          }
        }
      }),

    bind: (sid, bound) =>
      operation((nowMs) => {
        const stored = sessions.get(sid, nowMs);
        if (stored === null || !isShown(stored, nowMs)) return "gone";
        const { record } = stored;
        if (record.bound !== null) return record.bound.jkt === bound.jkt ? "bound" : "already";
        keep({ ...stored, record: { ...record, bound: { ...bound } } });
        return "bound";
      }),

    revokeSession: ({ sid, subject, denyForMs, mustExist }) =>
      operation((nowMs) => {
        const stored = sessions.get(sid, nowMs);
        if (
          stored === null ||
          (mustExist && subject !== undefined && stored.record.subject !== subject)
        ) {
          if (mustExist) return { kind: "not_found" };
          const known = departed.get(sid, nowMs);
          if (known !== null) return { kind: "already_revoked", untilMs: known, subject: null };
          const untilMs = Math.max(nowMs + denyForMs, horizon.accessEndsAtMs);
          departed.set(sid, untilMs, untilMs + CLOCK_SLACK_MS);
          feed.announce({ kind: "session", sid, untilMs });
          return { kind: "revoked", untilMs, subject: null };
        }
        const { record, revokedUntilMs } = stored;
        if (isRevoked(stored, nowMs)) {
          const untilMs = revokedUntilMs ?? sessionDeniedUntilMs(record, denyForMs, nowMs);
          return { kind: "already_revoked", untilMs, subject: record.subject };
        }
        const { untilMs } = end(stored, denyForMs, nowMs);
        return { kind: "revoked", untilMs, subject: record.subject };
      }),

    revokeGroup: ({ group, notAfterMs: upTo, denyForMs, rememberForMs }) =>
      operation((nowMs) => {
        const notAfterMs = marks.raise(
          group,
          upTo ?? Math.max(nowMs, horizon.latestBirthMs),
          Math.max(nowMs + rememberForMs, horizon.recordEndsAtMs) + CLOCK_SLACK_MS,
          nowMs,
        );
        const untilMs = Math.max(nowMs + denyForMs, horizon.accessEndsAtMs);
        const revocation = { kind: "group", group, notAfterMs, untilMs } as const;
        feed.announce(revocation);
        return revocation;
      }),

    revokeToken: ({ jti, untilMs }) =>
      operation((nowMs) => {
        if (untilMs <= nowMs) return;
        const known = tokens.entry(jti, nowMs);
        const endsAtMs = untilMs + CLOCK_SLACK_MS;
        if (known !== null && known.endsAtMs >= endsAtMs) return;
        tokens.set(jti, true, endsAtMs);
        feed.announce({ kind: "token", jti, untilMs });
      }),

    revocationsSince: (cursor) => operation(() => feed.since(cursor)),

    tokenStatus: ({ sid, subject, jti, groups: names, bornAtMs }) =>
      operation((nowMs) => {
        if (tokens.get(jti, nowMs) !== null) return "revoked";
        if (isCovered(bornAtMs, marks.latest(names, nowMs))) return "revoked";
        if (sid === null) return "unknown";
        if (departed.get(sid, nowMs) !== null) return "revoked";
        const stored = sessions.get(sid, nowMs);
        if (stored === null || stored.record.subject !== subject) return "unknown";
        return isRevoked(stored, nowMs) ? "revoked" : "live";
      }),

    readSession: (sid) =>
      operation((nowMs) => {
        const stored = sessions.get(sid, nowMs);
        return stored !== null && isShown(stored, nowMs) ? stored.record : null;
      }),

    listSessions: (query) =>
      operation((nowMs) => {
        const shown = Array.from(sessions.values(nowMs)).filter((stored) => isShown(stored, nowMs));
        return pageOf(shown.map(({ record }) => record), query);
      }),

    countSessions: (subject) => operation((nowMs) => shownOf(subject, nowMs).length),

    reserveAttempt: (attempt) => operation((nowMs) => attempts.reserve(attempt, nowMs)),

    settleAttempt: (attempt) => operation((nowMs) => attempts.settle(attempt, nowMs)),

    probe: () => operation(() => []),

    close() {
      closed = true;
      for (const map of maps) map.clear();
      return Promise.resolve();
    },
  };
}
