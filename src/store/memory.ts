/**
 * The memory adapter: for tests and throw-away runs. It forgets everything
 * when the process ends.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import type { Clock } from "../base/clock.ts";
import { StoreUnavailableError } from "../base/errors.ts";
import type { SessionRecord, TokenGeneration } from "../base/session.ts";
import {
  encodeCursor,
  FEED_NEVER_WRITTEN,
  FEED_PAGE_SIZE,
  FEED_TRIM_MARGIN_MS,
  feedStart,
  randomFeedName,
} from "./feed.ts";
import type { FeedPlace } from "./feed.ts";
import type { Revocation, SessionStore } from "./port.ts";
import { decideRotation, isSuperseded, isUnexpired, recordEndsAtMs } from "./rules.ts";

/** How often what has expired is swept out. */
const SWEEP_INTERVAL_MS = 60_000;

/** A value and when it goes. */
interface Kept<T> {
  readonly value: T;
  readonly endsAtMs: number;
}

/** A map whose entries expire. */
class ExpiringMap<T> {
  readonly #entries = new Map<string, Kept<T>>();

  get(key: string, nowMs: number): T | null {
    return this.entry(key, nowMs)?.value ?? null;
  }

  entry(key: string, nowMs: number): Kept<T> | null {
    const kept = this.#entries.get(key);
    return kept !== undefined && kept.endsAtMs > nowMs ? kept : null;
  }

  set(key: string, value: T, endsAtMs: number): void {
    this.#entries.set(key, { value, endsAtMs });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  *values(nowMs: number): Iterable<T> {
    for (const kept of this.#entries.values()) if (kept.endsAtMs > nowMs) yield kept.value;
  }

  sweep(nowMs: number): void {
    for (const [key, kept] of this.#entries) if (kept.endsAtMs <= nowMs) this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}

interface StoredSession {
  readonly record: SessionRecord;
  readonly marked: boolean;
}

interface FeedEntry {
  readonly seq: number;
  readonly id: string;
  readonly revocation: Revocation;
}

/** Creates an empty store that lives in this process. */
export function createMemoryStore(
  { clock = systemClock }: { readonly clock?: Clock } = {},
): SessionStore {
  const sessions = new ExpiringMap<StoredSession>();
  /** By session and spent `jti`. */
  const successors = new ExpiringMap<TokenGeneration>();
  /** By subject: the time up to which its sessions are revoked. */
  const subjects = new ExpiringMap<number>();
  const tokens = new ExpiringMap<true>();
  /** Sessions that were revoked after their record had gone. */
  const departed = new ExpiringMap<true>();
  const attempts = new ExpiringMap<number>();
  const maps = [sessions, successors, subjects, tokens, departed, attempts];

  let feed: FeedEntry[] = [];
  let head: FeedPlace = FEED_NEVER_WRITTEN;
  let sweptAtMs = clock();
  let closed = false;

  /** Runs one operation; nothing else runs meanwhile, as there is no `await` in any of them. */
  function operation<T>(work: (nowMs: number) => T): Promise<T> {
    if (closed) return Promise.reject(new StoreUnavailableError("the memory store is closed"));
    const nowMs = clock();
    if (nowMs - sweptAtMs >= SWEEP_INTERVAL_MS) {
      sweptAtMs = nowMs;
      for (const map of maps) map.sweep(nowMs);
      const firstLiving = feed.findIndex(({ revocation }) =>
        revocation.untilMs + FEED_TRIM_MARGIN_MS > nowMs
      );
      feed = firstLiving === -1 ? [] : feed.slice(firstLiving);
    }
    try {
      return Promise.resolve(work(nowMs));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  function keep(record: SessionRecord, marked: boolean): void {
    sessions.set(record.sid, { record, marked }, recordEndsAtMs(record.current));
  }

  function announce(revocation: Revocation): void {
    const epoch = head.epoch || randomFeedName();
    head = { epoch, seq: head.seq + 1, id: randomFeedName() };
    feed.push({ seq: head.seq, id: head.id, revocation });
  }

  /** Whether the session, if it is there, has been revoked. */
  function isRevoked({ record, marked }: StoredSession, nowMs: number): boolean {
    return marked || isSuperseded(record, subjects.get(record.subject, nowMs));
  }

  function isShown(stored: StoredSession, nowMs: number): boolean {
    return !isRevoked(stored, nowMs) && isUnexpired(stored.record, nowMs);
  }

  return {
    open: (session) =>
      operation((nowMs) => {
        const notAfterMs = subjects.get(session.subject, nowMs);
        if (notAfterMs !== null && isSuperseded(session, notAfterMs)) {
          return { kind: "superseded", notAfterMs };
        }
        // A repeated call must not bring back what was revoked in between.
        if (sessions.get(session.sid, nowMs) === null) {
          keep({ ...structuredClone(session), lastSeenAtMs: session.createdAtMs }, false);
        }
        return { kind: "opened" };
      }),

    rotate: (rotation) =>
      operation((nowMs) => {
        const stored = sessions.get(rotation.sid, nowMs);
        const graceKey = `${rotation.sid}:${rotation.presentedJti}`;
        const decision = decideRotation(
          {
            record: stored?.record ?? null,
            marked: stored?.marked ?? false,
            notAfterMs: subjects.get(rotation.subject, nowMs),
            successor: successors.get(graceKey, nowMs),
          },
          rotation,
          nowMs,
        );
        switch (decision.kind) {
          case "unknown":
          case "revoked":
            return decision;
          case "replay": {
            const { record: session, generation } = decision;
            return { kind: "replayed", session, generation };
          }
          case "rotate": {
            const session = structuredClone(decision.record);
            keep(session, false);
            successors.set(graceKey, session.current, nowMs + rotation.graceMs);
            return { kind: "rotated", session, generation: session.current };
          }
          case "reuse": {
            const { record: session } = decision;
            keep(session, true);
            const untilMs = nowMs + rotation.denyForMs;
            announce({ kind: "session", sid: session.sid, untilMs });
            return { kind: "reused", session };
          }
        }
      }),

    revokeSession: ({ sid, subject, denyForMs, mustExist }) =>
      operation((nowMs) => {
        const stored = sessions.get(sid, nowMs);
        const untilMs = nowMs + denyForMs;
        if (stored === null || (mustExist && stored.record.subject !== subject)) {
          if (mustExist) return "not_found";
          if (departed.get(sid, nowMs) !== null) return "already_revoked";
          departed.set(sid, true, untilMs);
        } else {
          if (isRevoked(stored, nowMs)) return "already_revoked";
          keep(stored.record, true);
        }
        announce({ kind: "session", sid, untilMs });
        return "revoked";
      }),

    revokeSubject: ({ subject, denyForMs, rememberForMs }) =>
      operation((nowMs) => {
        let notAfterMs = Math.max(nowMs, subjects.get(subject, nowMs) ?? 0);
        for (const { record, marked } of sessions.values(nowMs)) {
          if (record.subject !== subject || marked) continue;
          notAfterMs = Math.max(notAfterMs, record.createdAtMs);
        }
        const known = subjects.entry(subject, nowMs);
        subjects.set(
          subject,
          notAfterMs,
          Math.max(nowMs + rememberForMs, known?.endsAtMs ?? 0),
        );
        announce({ kind: "subject", subject, notAfterMs, untilMs: nowMs + denyForMs });
        return { notAfterMs };
      }),

    revokeToken: ({ jti, untilMs }) =>
      operation((nowMs) => {
        if (untilMs <= nowMs) return;
        const known = tokens.entry(jti, nowMs);
        if (known !== null && known.endsAtMs >= untilMs) return;
        tokens.set(jti, true, untilMs);
        announce({ kind: "token", jti, untilMs });
      }),

    revocationsSince: (cursor) =>
      operation((nowMs) => {
        const firstSeq = feed[0]?.seq ?? head.seq + 1;
        const at = (seq: number) => feed[seq - firstSeq];
        const { afterSeq, reset } = feedStart(cursor, head, (seq) => at(seq)?.id ?? null);
        const from = Math.max(0, afterSeq + 1 - firstSeq);
        const page = feed.slice(from, from + FEED_PAGE_SIZE);
        const more = from + page.length < feed.length;
        const last = more ? page.at(-1) : undefined;
        return {
          entries: page.map(({ revocation }) => revocation).filter(({ untilMs }) =>
            untilMs > nowMs
          ),
          cursor: encodeCursor(last === undefined ? head : { ...last, epoch: head.epoch }),
          reset,
          more,
        };
      }),

    tokenStatus: ({ sid, subject, jti }) =>
      operation((nowMs) => {
        if (tokens.get(jti, nowMs) !== null || departed.get(sid, nowMs) !== null) return "revoked";
        const stored = sessions.get(sid, nowMs);
        if (stored === null || stored.record.subject !== subject) return "unknown";
        return isRevoked(stored, nowMs) ? "revoked" : "live";
      }),

    readSession: (sid) =>
      operation((nowMs) => {
        const stored = sessions.get(sid, nowMs);
        return stored !== null && isShown(stored, nowMs) ? stored.record : null;
      }),

    listSessions: (subject) =>
      operation((nowMs) =>
        Array.from(sessions.values(nowMs))
          .filter((stored) => stored.record.subject === subject && isShown(stored, nowMs))
          .map(({ record }) => record)
          .sort(youngestFirst)
      ),

    countAttempt: (counters, windowMs) =>
      operation((nowMs) => {
        const full = counters.filter(({ key, limit }) => (attempts.get(key, nowMs) ?? 0) >= limit);
        if (full.length > 0) {
          const waits = full.map(({ key }) => {
            const kept = attempts.entry(key, nowMs);
            return kept === null ? windowMs : kept.endsAtMs - nowMs;
          });
          return { allowed: false, retryAfterMs: Math.max(...waits) };
        }
        for (const { key } of counters) {
          const kept = attempts.entry(key, nowMs);
          attempts.set(key, (kept?.value ?? 0) + 1, kept?.endsAtMs ?? nowMs + windowMs);
        }
        return { allowed: true };
      }),

    refundAttempt: (keys) =>
      operation((nowMs) => {
        for (const key of keys) {
          const kept = attempts.entry(key, nowMs);
          if (kept === null) continue;
          if (kept.value > 1) attempts.set(key, kept.value - 1, kept.endsAtMs);
          else attempts.delete(key);
        }
      }),

    probe: () => operation(() => []),

    close() {
      closed = true;
      for (const map of maps) map.clear();
      feed = [];
      return Promise.resolve();
    },
  };
}

/** The order of {@link SessionStore.listSessions}; equal births are told apart by `sid`. */
function youngestFirst(a: SessionRecord, b: SessionRecord): number {
  return b.createdAtMs - a.createdAtMs || (a.sid < b.sid ? 1 : -1);
}
