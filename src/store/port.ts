/**
 * The session store port: what Postern asks of whatever keeps its sessions and
 * its blacklist. Every method is one atomic operation and one round trip.
 *
 * The adapters (`memory/`, `sqlite/`, `upstash/`, `redis/`) are held to the
 * same behaviour by one contract suite (`tests/store/contract.ts`). Nothing
 * secret ever passes through here: ids, times and claims, never a token that
 * somebody could use, a password or a key.
 *
 * @module
 */
import type { SubjectClaims } from "../base/json.ts";
import type { KeyBinding, SessionRecord, TokenGeneration } from "../base/session.ts";
import type { AttemptOutcome, AttemptReservation, AttemptSettlement } from "./attempts.ts";

/** A sign-in to be recorded. `lastSeenAtMs` starts as `createdAtMs`. */
export type NewSession = Omit<SessionRecord, "lastSeenAtMs" | "latestExp">;

/** How many sessions a subject may have, and how long an ended one is told of. */
export interface OpenLimits {
  /** The oldest ones beyond it end. */
  readonly maxSessions: number;
  /** See {@link Rotation.denyForMs}. */
  readonly denyForMs: number;
}

/** What {@link SessionStore.open} found. */
export type OpenOutcome =
  /** `ended`: older sessions of the subject that had to give way, as they stand in the feed. */
  | { readonly kind: "opened"; readonly ended: readonly SessionRevocation[] }
  /** All sessions of one of its groups up to `notAfterMs` are revoked; open one that is younger. */
  | { readonly kind: "superseded"; readonly notAfterMs: number };

/** An exchange of one refresh token for its successor. */
export interface Rotation {
  readonly sid: string;
  readonly subject: string;
  /** `jti` of the refresh token that was presented. */
  readonly presentedJti: string;
  /**
   * The proposed successor. The store caps its `exp`s at the session's cap.
   * Repeating a call with the same proposal is safe: an answer that was lost
   * on the way back never looks like reuse.
   */
  readonly next: TokenGeneration;
  /**
   * How long a spent token keeps answering with its own successor. The direct
   * predecessor of the live token answers with that one at any time.
   */
  readonly graceMs: number;
  /**
   * How long a revocation stays in the feed at least. It stays longer where an
   * access token that it covers was minted to live longer.
   */
  readonly denyForMs: number;
  /** Groups of a record that was written before there were any; others keep their own. */
  readonly groups: readonly string[];
  /** Thumbprint of the key that was proven, or `null`. The one gate of bound sessions. */
  readonly jkt: string | null;
  /** Fresh claims of the subject, when the identity source was asked again. */
  readonly claims?: SubjectClaims;
  /** Replaces {@link SessionRecord.sealed}; left out, that stays. */
  readonly sealed?: string | null;
}

/** What became of a {@link Rotation}. */
export type RotationOutcome =
  /** The presented token was live; `generation` is now the session's current one. */
  | {
    readonly kind: "rotated";
    readonly session: SessionRecord;
    readonly generation: TokenGeneration;
  }
  /**
   * The presented token was spent and may answer once more; `generation` is its one successor,
   * with a younger access token where the one in the lost answer has ended.
   */
  | {
    readonly kind: "replayed";
    readonly session: SessionRecord;
    readonly generation: TokenGeneration;
  }
  /** Spent, its successor spent too, and the grace window over: this call has revoked the session. */
  | { readonly kind: "reused"; readonly session: SessionRecord; readonly untilMs: number }
  /** The session, or one of its groups, had been revoked before. */
  | { readonly kind: "revoked" }
  /**
   * The session is bound to another key, or none was proven. Nothing is spent or given out; but
   * with a live token {@link Rotation.sealed} is kept: what it replaces was spent elsewhere.
   */
  | { readonly kind: "unproven"; readonly bound: KeyBinding }
  /** No such session: it expired, or never was. */
  | { readonly kind: "unknown" };

/** What {@link SessionStore.bind} found. */
export type BindOutcome =
  /** The session is bound to this very key now. */
  | "bound"
  /** It is bound to another key. */
  | "already"
  /** There is no such live session. */
  | "gone";

/** Which session to revoke. */
export interface SessionEnd {
  readonly sid: string;
  /** Only if it is this subject's. */
  readonly subject?: string;
  /** See {@link Rotation.denyForMs}. */
  readonly denyForMs: number;
  /**
   * `true`: one that is absent or another subject's is `not_found`, and nothing
   * is written. `false`: the feed is told in any case, so that access tokens of
   * a session whose record is already gone are turned away too.
   */
  readonly mustExist: boolean;
}

/** What {@link SessionStore.revokeSession} found; `untilMs` is how long it stands in the feed. */
export type SessionEndOutcome =
  | {
    readonly kind: "revoked";
    readonly untilMs: number;
    /** `null` when the record had already gone. */
    readonly subject: string | null;
  }
  | { readonly kind: "already_revoked"; readonly untilMs: number; readonly subject: string | null }
  | { readonly kind: "not_found" };

/** The group that every session belongs to, without saying so. */
export const EVERYBODY = "*";

/** Which group to revoke. */
export interface GroupEnd {
  /** One of {@link SessionRecord.groups}, or {@link EVERYBODY}. */
  readonly group: string;
  /**
   * Sessions opened at or before this time; left out: all that are open now,
   * those of clocks that run ahead included.
   */
  readonly notAfterMs?: number;
  /** See {@link Rotation.denyForMs}. */
  readonly denyForMs: number;
  /** How long the mark stays at least; longer where a session lives longer. */
  readonly rememberForMs: number;
}

/** Whether a token's session stands, as the primary sees it now. */
export type TokenStatus = "live" | "revoked" | "unknown";

/** What the store is asked of one token. */
export interface TokenQuestion {
  /** `null`: the token names no session (somebody else signed it), so it can not be `live`. */
  readonly sid: string | null;
  readonly subject: string;
  readonly jti: string;
  readonly groups: readonly string[];
  /** Birth of its session, or of the token where there is none. */
  readonly bornAtMs: number;
}

/** A session in the blacklist. */
export interface SessionRevocation {
  readonly kind: "session";
  readonly sid: string;
  readonly untilMs: number;
}

/** A single token in the blacklist. */
export interface TokenRevocation {
  readonly kind: "token";
  readonly jti: string;
  readonly untilMs: number;
}

/** Every session of a group that was opened at or before `notAfterMs`. */
export interface GroupRevocation {
  readonly kind: "group";
  readonly group: string;
  readonly notAfterMs: number;
  readonly untilMs: number;
}

/** One entry of the blacklist; it has served its time at `untilMs`. */
export type Revocation = SessionRevocation | TokenRevocation | GroupRevocation;

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

/** Which sessions to list. All conditions must hold; left out, a condition holds. */
export interface SessionQuery {
  /** With it the order is youngest first; without it there is none. */
  readonly subject?: string;
  readonly group?: string;
  readonly ip?: string;
  /** Last seen before this time. */
  readonly lastSeenBeforeMs?: number;
  /** {@link SessionPage.next} of the page before, or `null` for the first. */
  readonly after: string | null;
  /** Sessions in a page at most, up to {@link MAX_PAGE}. */
  readonly limit: number;
}

/** The longest page of {@link SessionStore.listSessions}. */
export const MAX_PAGE = 1_000;

/** Some of the live sessions. */
export interface SessionPage {
  /** May be short, or even empty, while {@link SessionPage.next} says that there is more. */
  readonly sessions: readonly SessionRecord[];
  /** Opaque; `null`: nothing comes after this page. */
  readonly next: string | null;
}

/** Keeps sessions and the blacklist. See the module comment. */
export interface SessionStore {
  /** Records a sign-in. Work is bounded: a few of the oldest sessions end in one call at most. */
  open(session: NewSession, limits: OpenLimits): Promise<OpenOutcome>;

  /**
   * Spends a refresh token. N concurrent calls for one presented token yield
   * one successor, whatever they propose; a revoked session stays revoked.
   */
  rotate(rotation: Rotation): Promise<RotationOutcome>;

  /** Binds a session to a key, once: of two calls with two keys one is told `already`. */
  bind(sid: string, bound: KeyBinding): Promise<BindOutcome>;

  /** Revokes one session and tells every instance through the feed. */
  revokeSession(end: SessionEnd): Promise<SessionEndOutcome>;

  /**
   * Revokes every session of a group that was opened so far, or up to a given
   * time: one mark and one entry of the feed, however many sessions there are.
   */
  revokeGroup(end: GroupEnd): Promise<GroupRevocation>;

  /** Revokes a single token by `jti` until it expires by itself. */
  revokeToken(token: { readonly jti: string; readonly untilMs: number }): Promise<void>;

  /**
   * The blacklist's changes since a cursor (`null`: from the beginning).
   * Entries past their `untilMs` may be among them or not; nothing else is ever missing.
   */
  revocationsSince(cursor: string | null): Promise<RevocationPage>;

  /** Asks the primary whether a token, its session and its groups stand. */
  tokenStatus(token: TokenQuestion): Promise<TokenStatus>;

  /** One live session, or `null` when it is absent, expired or revoked. */
  readSession(sid: string): Promise<SessionRecord | null>;

  /** A page of the live sessions. */
  listSessions(query: SessionQuery): Promise<SessionPage>;

  /** How many live sessions a subject has; those that ran out of late may be counted in. */
  countSessions(subject: string): Promise<number>;

  /** Asks to make an attempt; see {@link AttemptReservation}. */
  reserveAttempt(attempt: AttemptReservation): Promise<AttemptOutcome>;

  /** Says what became of an attempt that was allowed. Repeating it changes nothing. */
  settleAttempt(attempt: AttemptSettlement): Promise<void>;

  /**
   * Calls back soon after anybody has revoked something, until the store is
   * closed; sometimes for nothing, and never instead of asking now and then:
   * news get lost. Absent where there is nothing to listen to.
   */
  listen?(onNews: () => void): void;

  /**
   * Called once at start: resolves with warnings worth a log line, throws
   * `StoreUnavailableError` or {@link StoreRejectedError}.
   */
  probe(): Promise<readonly string[]>;

  /** Releases what the adapter holds. Further calls throw `StoreUnavailableError`. */
  close(): Promise<void>;
}

/** The store answered that it will never serve us: wrong token, read-only, not a store. */
export class StoreRejectedError extends Error {
  override readonly name = "StoreRejectedError";
  readonly code = "store_rejected";
}
