/**
 * The revocation view: this instance's copy of the blacklist. Reading it costs
 * no round trip; deltas from the store keep it fresh while there is traffic.
 *
 * @module
 */
import type { WaitUntil } from "../base/background.ts";
import { createAges, LONG_AGO } from "../base/clock.ts";
import type { Clock, MonotonicClock } from "../base/clock.ts";
import type { Revocation, SessionStore } from "../store/port.ts";
import { createBlacklist } from "./blacklist.ts";
import type { Revocable } from "./blacklist.ts";
import type { Reassert } from "./reassert.ts";
import { createWatchers } from "./watchers.ts";

/** This instance's copy of the blacklist. */
export interface RevocationView {
  /** Whether the token, its session or a group of it has been revoked, as far as is known here. */
  isRevoked(token: Revocable): boolean;
  /**
   * Call before {@link RevocationView.isRevoked}. `true`: the view is inside
   * its bound (a refresh may have begun in the background). A promise: it is
   * being refreshed first; `false` then means the store could not be reached
   * and nothing may be let through.
   */
  ensureFresh(waitUntil: WaitUntil): true | Promise<boolean>;
  /** Puts in what this instance has just revoked, so that it holds here at once. */
  apply(revocation: Revocation): void;
  /** Asks at once, because somebody said that there is news; one question at a time. */
  pull(): void;
  /**
   * Calls back whenever entries came in; the returned function ends that.
   * On Workers nobody is called: no request may touch the work of another.
   */
  watch(onNews: () => void): () => void;
  /** Milliseconds since the view was known to be complete; `Infinity` before the first load. */
  ageMs(): number;
  /** Entries held. */
  size(): number;
}

/**
 * Creates the view. `pollIntervalMs` is how often it asks while there is
 * traffic; `maxStalenessMs` is the age at which requests wait for it. Ages are
 * told by both clocks: setting the wall clock never makes the view look fresh.
 */
export function createRevocationView(options: {
  readonly store: Pick<SessionStore, "revocationsSince">;
  readonly clock: Clock;
  readonly monotonic?: MonotonicClock;
  readonly pollIntervalMs: number;
  readonly maxStalenessMs: number;
  /**
   * Whether no request may wait for the work of another (Workers): each then
   * polls for itself when the view is too old.
   */
  readonly isolatesRequests?: boolean;
  /**
   * Given what is known here after every poll in which the store did not know
   * us any more: it may have forgotten some of that.
   */
  readonly onForgotten?: Reassert;
  /** Told of every poll that failed. */
  readonly onError?: (error: unknown) => void;
}): RevocationView {
  const { store, clock, pollIntervalMs, maxStalenessMs, isolatesRequests = false } = options;
  const ages = createAges(clock, options.monotonic);
  const blacklist = createBlacklist();

  let cursor: string | null = null;
  /** When the last complete poll was *begun*: what it saw is at least that fresh. */
  let syncedAt = LONG_AGO;
  /** When the last poll began; on Workers its request may have vanished together with it. */
  let attemptedAt = LONG_AGO;
  let underWay: Promise<boolean> | null = null;
  /** Somebody said that there is news while a poll was under way that may have missed them. */
  let pullAgain = false;
  const watchers = createWatchers(ages);

  function apply(entries: readonly Revocation[]): void {
    for (const entry of entries) blacklist.apply(entry);
    if (entries.length > 0) watchers.tell();
  }

  async function poll(): Promise<boolean> {
    const beganAt = ages.now();
    // The clock was set back: what had served its time by the old one may matter again.
    if (beganAt.wallMs < syncedAt.wallMs) cursor = null;
    attemptedAt = beganAt;
    try {
      let place = cursor;
      let forgotten = false;
      let more = true;
      while (more) {
        const page = await store.revocationsSince(place);
        forgotten ||= page.reset;
        // After a flush or a restore (`page.reset`) what was known here is kept:
        // forgetting a revocation would let a token back in.
        apply(page.entries);
        place = page.cursor;
        more = page.more;
      }
      cursor = place;
      void options.onForgotten?.(forgotten ? blacklist.entries() : []);
      // Of two polls at once (Workers) the one that began later has seen more.
      if (ages.sinceMs(beganAt) <= ages.sinceMs(syncedAt)) syncedAt = beganAt;
      blacklist.tidy(beganAt);
      return true;
    } catch (error) {
      options.onError?.(error);
      return ages.sinceMs(syncedAt) <= maxStalenessMs;
    }
  }

  /** One poll at a time, waited for by all who need it. */
  function sharedPoll(): Promise<boolean> {
    return underWay ??= poll().finally(() => {
      underWay = null;
      if (!pullAgain) return;
      pullAgain = false;
      void sharedPoll();
    });
  }

  return {
    isRevoked: blacklist.isRevoked,

    ensureFresh(waitUntil) {
      const ageMs = ages.sinceMs(syncedAt);
      if (ageMs < pollIntervalMs) return true;
      if (ageMs > maxStalenessMs) return isolatesRequests ? poll() : sharedPoll();
      // In the background, and not again before the next interval: one at a time.
      if (ages.sinceMs(attemptedAt) >= pollIntervalMs) {
        waitUntil(isolatesRequests ? poll() : sharedPoll());
      }
      return true;
    },

    apply: (revocation) => apply([revocation]),
    pull() {
      if (underWay === null) void sharedPoll();
      else pullAgain = true;
    },
    watch(onNews) {
      return isolatesRequests ? () => {} : watchers.add(onNews);
    },
    ageMs: () => ages.sinceMs(syncedAt),
    size: blacklist.size,
  };
}
