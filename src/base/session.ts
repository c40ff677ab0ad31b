/**
 * The record of a session, as the store keeps it and tokens are minted from it.
 *
 * @module
 */
import type { SubjectClaims } from "./json.ts";

/**
 * Everything that tells one token pair of a family from the next. A pair is a
 * pure function of the session and one generation, so it can be minted again
 * at any time and no token is ever stored.
 */
export interface TokenGeneration {
  /** `jti` of the refresh token. */
  readonly refreshJti: string;
  /** `jti` of the access token. */
  readonly accessJti: string;
  /** `iat` of both tokens. */
  readonly issuedAtSeconds: number;
  /** `exp` of the access token: it stands here so that no later setting mints another one. */
  readonly accessExpiresAtSeconds: number;
  /** `exp` of the refresh token, never beyond the session's cap. */
  readonly refreshExpiresAtSeconds: number;
}

/** A key that the session's owner has to prove (RFC 7638 thumbprint), and how. */
export interface KeyBinding {
  readonly jkt: string;
  readonly by: "dbsc" | "script" | "dpop";
}

/** Groups that one session can belong to at most, the one of its subject included. */
export const MAX_GROUPS = 5;

/** One sign-in on one device. */
export interface SessionRecord {
  /** UUIDv7: the milliseconds in its head are {@link createdAtMs}. */
  readonly sid: string;
  readonly subject: string;
  readonly claims: SubjectClaims;
  readonly createdAtMs: number;
  /** Time of the last rotation, or of the sign-in. */
  readonly lastSeenAtMs: number;
  /** Absolute cap: no token of the family outlives it. */
  readonly capSeconds: number;
  readonly userAgent: string;
  readonly ip: string;
  /**
   * Names of what the session belongs to and can be revoked with: its subject
   * first, then provider, provider session. Opaque hashes ({@link MAX_GROUPS}).
   */
  readonly groups: readonly string[];
  /** The key that the session is bound to; once there is one it stays. */
  readonly bound: KeyBinding | null;
  /** A provider's refresh token, sealed by us: the store can not read it. */
  readonly sealed: string | null;
  /** The latest `exp` of an access token ever minted for the session, in seconds. */
  readonly latestExp: number;
  /** The live generation of the token family. */
  readonly current: TokenGeneration;
}
