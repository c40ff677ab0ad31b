/**
 * The session store port: what Postern asks of whatever keeps its sessions and
 * its blacklist. Every method is one atomic operation and one round trip.
 *
 * Three adapters implement it (`memory.ts`, `sqlite.ts`, `upstash.ts`) and one
 * contract suite (`tests/store/contract.ts`) holds all of them to the same
 * behaviour. Nothing secret ever passes through here: ids, times and claims,
 * never a token, a password or a key.
 *
 * @module
 */
import type { SubjectClaims } from "../base/json.ts";
import type { SessionRecord, TokenGeneration } from "../base/session.ts";

/** A sign-in to be recorded. `lastSeenAtMs` starts as `createdAtMs`. */
export type NewSession = Omit<SessionRecord, "lastSeenAtMs">;

/** What {@link SessionStore.open} found. */
export type OpenOutcome =
  | { readonly kind: "opened" }
  /** All sessions of this subject up to `notAfterMs` are revoked; open one that is younger. */
  | { readonly kind: "superseded"; readonly notAfterMs: number };

/** An exchange of one refresh token for its successor. */
export interface Rotation {
  readonly sid: string;
  readonly subject: string;
  /** `jti` of the refresh token that was presented. */
  readonly presentedJti: string;
  /**
   * The proposed successor. The store caps `refreshExpiresAtSeconds` at the
   * session's cap. Repeating a call with the same proposal is safe: an answer
   * that was lost on the way back never looks like reuse.
   */
  readonly next: TokenGeneration;
  /** How long the presented token keeps answering with the same successor. */
  readonly graceMs: number;
  /** How long a revocation caused by reuse stays in the feed. */
  readonly denyForMs: number;
  /** Fresh claims of the subject, when the identity source was asked again. */
  readonly claims?: SubjectClaims;
}

/** What became of a {@link Rotation}. */
export type RotationOutcome =
  /** The presented token was live; `generation` is now the session's current one. */
  | {
    readonly kind: "rotated";
    readonly session: SessionRecord;
    readonly generation: TokenGeneration;
  }
  /** The presented token was spent within the grace window; `generation` is its one successor. */
  | {
    readonly kind: "replayed";
    readonly session: SessionRecord;
    readonly generation: TokenGeneration;
  }
  /** Spent, outside the grace window: this call has revoked the session. */
  | { readonly kind: "reused"; readonly session: SessionRecord }
  /** The session, or every session of the subject, had been revoked before. */
  | { readonly kind: "revoked" }
  /** No such session: it expired, or never was. */
  | { readonly kind: "unknown" };

/** What {@link SessionStore.revokeSession} found. */
export type RevokeSessionOutcome = "revoked" | "already_revoked" | "not_found";

/** Whether a token's session stands, as the primary sees it now. */
export type TokenStatus = "live" | "revoked" | "unknown";

/** One entry of the blacklist; it drops out by itself at `untilMs`. */
export type Revocation =
  | { readonly kind: "session"; readonly sid: string; readonly untilMs: number }
  | { readonly kind: "token"; readonly jti: string; readonly untilMs: number }
  /** Every session of the subject that was opened at or before `notAfterMs`. */
  | {
    readonly kind: "subject";
    readonly subject: string;
    readonly notAfterMs: number;
    readonly untilMs: number;
  };

/** A page of the revocation feed. */
export interface RevocationPage {
  /** In the order of the store's own sequence, oldest first. */
  readonly entries: readonly Revocation[];
  /** Opaque; hand it to the next call. */
  readonly cursor: string;
  /**
   * The store does not recognise the cursor (flushed, restored, replaced): the
   * entries are everything it knows, from the beginning.
   */
  readonly reset: boolean;
  /** There is more behind this page; ask again at once. */
  readonly more: boolean;
}

/** One counter of a rate limit. */
export interface AttemptCounter {
  /** What is counted; the caller has made it unreadable (HMAC) if it could hold a secret. */
  readonly key: string;
  /** Attempts allowed in one window. */
  readonly limit: number;
}

/** What {@link SessionStore.countAttempt} decided. */
export type AttemptOutcome =
  | { readonly allowed: true }
  /** At least one counter is full; nothing was counted. */
  | { readonly allowed: false; readonly retryAfterMs: number };

/** Keeps sessions and the blacklist. See the module comment. */
export interface SessionStore {
  /** Records a sign-in. */
  open(session: NewSession): Promise<OpenOutcome>;

  /**
   * Spends a refresh token. N concurrent calls for one presented token yield
   * one successor, whatever they propose; a revoked session stays revoked.
   */
  rotate(rotation: Rotation): Promise<RotationOutcome>;

  /**
   * Revokes one session and tells every instance through the feed.
   * With `mustExist`, a session that is absent or belongs to another subject
   * is `not_found` and nothing is written; without it the feed entry is
   * written in any case, so that the access tokens of a session whose record
   * is already gone are turned away too.
   */
  revokeSession(
    request: {
      readonly sid: string;
      readonly subject: string;
      readonly denyForMs: number;
      readonly mustExist: boolean;
    },
  ): Promise<RevokeSessionOutcome>;

  /**
   * Revokes every session of a subject opened so far: at or before the
   * returned time, which is now or the youngest session's birth if a clock
   * elsewhere runs ahead. `rememberForMs` is how long the mark must outlive
   * the oldest refresh token.
   */
  revokeSubject(
    request: {
      readonly subject: string;
      readonly denyForMs: number;
      readonly rememberForMs: number;
    },
  ): Promise<{ readonly notAfterMs: number }>;

  /** Revokes a single token by `jti` until it expires by itself. */
  revokeToken(request: { readonly jti: string; readonly untilMs: number }): Promise<void>;

  /**
   * The blacklist's changes since a cursor (`null`: from the beginning).
   * Entries already past their `untilMs` may be missing; nothing else ever is.
   */
  revocationsSince(cursor: string | null): Promise<RevocationPage>;

  /** Asks the primary whether a token's session, subject and `jti` stand. */
  tokenStatus(
    token: { readonly sid: string; readonly subject: string; readonly jti: string },
  ): Promise<TokenStatus>;

  /** One live session, or `null` when it is absent, expired or revoked. */
  readSession(sid: string): Promise<SessionRecord | null>;

  /** The live sessions of a subject, youngest first. */
  listSessions(subject: string): Promise<readonly SessionRecord[]>;

  /**
   * Takes one attempt from every counter, or from none when one is full. The
   * window starts with the first attempt. Counting before the attempt, and
   * giving back after a success, leaves no gap for parallel guesses.
   */
  countAttempt(
    counters: readonly AttemptCounter[],
    windowMs: number,
  ): Promise<AttemptOutcome>;

  /** Gives one attempt back to every counter (the attempt succeeded). */
  refundAttempt(keys: readonly string[]): Promise<void>;

  /**
   * Called once at start: resolves with warnings worth a log line, throws
   * {@link StoreUnavailableError} or {@link StoreRejectedError}.
   */
  probe(): Promise<readonly string[]>;

  /** Releases what the adapter holds. Further calls throw {@link StoreUnavailableError}. */
  close(): Promise<void>;
}

/** The store answered that it will never serve us: wrong token, read-only, not a store. */
export class StoreRejectedError extends Error {
  override readonly name = "StoreRejectedError";
  readonly code = "store_rejected";
}
