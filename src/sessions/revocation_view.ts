/**
 * The revocation view: this instance's copy of the blacklist. Reading it costs
 * no round trip; deltas from the store keep it fresh while there is traffic.
 *
 * @module
 */
import type { WaitUntil } from "../base/background.ts";
import type { Clock } from "../base/clock.ts";
import type { Revocation, SessionStore } from "../store/port.ts";
import type { VerifiedToken } from "../tokens/claims.ts";

/** This instance's copy of the blacklist. */
export interface RevocationView {
  /** Whether the token, its session or its subject has been revoked, as far as is known here. */
  isRevoked(token: VerifiedToken): boolean;
  /**
   * Call before {@link RevocationView.isRevoked}. `true`: the view is inside
   * its bound (a refresh may have begun in the background). A promise: it is
   * being refreshed first; `false` then means the store could not be reached
   * and nothing may be let through.
   */
  ensureFresh(waitUntil: WaitUntil): true | Promise<boolean>;
  /** Puts in what this instance has just revoked, so that it holds here at once. */
  apply(revocation: Revocation): void;
  /** Milliseconds since the view was known to be complete; `Infinity` before the first load. */
  ageMs(): number;
  /** Entries held. */
  size(): number;
}

/**
 * Creates the view. `pollIntervalMs` is how often it asks while there is
 * traffic; `maxStalenessMs` is the age at which requests wait for it.
 */
export function createRevocationView(options: {
  readonly store: Pick<SessionStore, "revocationsSince">;
  readonly clock: Clock;
  readonly pollIntervalMs: number;
  readonly maxStalenessMs: number;
  /**
   * Whether no request may wait for the work of another (Workers): each then
   * polls for itself when the view is too old.
   */
  readonly isolatesRequests?: boolean;
  /** Told of every poll that failed. */
  readonly onError?: (error: unknown) => void;
}): RevocationView {
  const { store, clock, pollIntervalMs, maxStalenessMs, isolatesRequests = false } = options;
  const sessions = new Map<string, number>();
  const tokens = new Map<string, number>();
  const subjects = new Map<string, { notAfterMs: number; untilMs: number }>();

  let cursor: string | null = null;
  /** When the last complete poll was *begun*: what it saw is at least that fresh. */
  let syncedAtMs = -Infinity;
  /** When the last poll began; on Workers its request may have vanished together with it. */
  let attemptedAtMs = -Infinity;
  let underWay: Promise<boolean> | null = null;

  function apply(revocation: Revocation): void {
    const { untilMs } = revocation;
    switch (revocation.kind) {
      case "session":
        sessions.set(revocation.sid, Math.max(untilMs, sessions.get(revocation.sid) ?? 0));
        return;
      case "token":
        tokens.set(revocation.jti, Math.max(untilMs, tokens.get(revocation.jti) ?? 0));
        return;
      case "subject": {
        const known = subjects.get(revocation.subject);
        subjects.set(revocation.subject, {
          notAfterMs: Math.max(revocation.notAfterMs, known?.notAfterMs ?? 0),
          untilMs: Math.max(untilMs, known?.untilMs ?? 0),
        });
        return;
      }
      default:
        revocation satisfies never;
    }
  }

  /** Entries arrive roughly in the order in which they end: dropping from the front is enough. */
  function dropExpired(nowMs: number): void {
    for (const [sid, untilMs] of sessions) {
      if (untilMs > nowMs) break;
      sessions.delete(sid);
    }
    for (const [jti, untilMs] of tokens) {
      if (untilMs > nowMs) break;
      tokens.delete(jti);
    }
    for (const [subject, { untilMs }] of subjects) {
      if (untilMs > nowMs) break;
      subjects.delete(subject);
    }
  }

  async function poll(): Promise<boolean> {
    const beganAtMs = clock();
    attemptedAtMs = beganAtMs;
    try {
      let place = cursor;
      let more = true;
      while (more) {
        const page = await store.revocationsSince(place);
        // After a flush or a restore (`page.reset`) what was known here is kept:
        // forgetting a revocation would let a token back in.
        for (const entry of page.entries) apply(entry);
        place = page.cursor;
        more = page.more;
      }
      cursor = place;
      syncedAtMs = Math.max(syncedAtMs, beganAtMs);
      dropExpired(beganAtMs);
      return true;
    } catch (error) {
      options.onError?.(error);
      return clock() - syncedAtMs <= maxStalenessMs;
    }
  }

  /** One poll at a time, waited for by all who need it. */
  function sharedPoll(): Promise<boolean> {
    return underWay ??= poll().finally(() => underWay = null);
  }

  return {
    isRevoked(token) {
      if (sessions.has(token.sid) || tokens.has(token.jti)) return true;
      const subject = subjects.get(token.subject);
      return subject !== undefined && token.sessionCreatedAtMs <= subject.notAfterMs;
    },

    ensureFresh(waitUntil) {
      const nowMs = clock();
      const ageMs = nowMs - syncedAtMs;
      if (ageMs < pollIntervalMs) return true;
      if (ageMs > maxStalenessMs) return isolatesRequests ? poll() : sharedPoll();
      // In the background, and not again before the next interval: one at a time.
      if (nowMs - attemptedAtMs >= pollIntervalMs) {
        waitUntil(isolatesRequests ? poll() : sharedPoll());
      }
      return true;
    },

    apply,
    ageMs: () => clock() - syncedAtMs,
    size: () => sessions.size + tokens.size + subjects.size,
  };
}
