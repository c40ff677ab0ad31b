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
  /** `exp` of the refresh token, never beyond the session's cap. */
  readonly refreshExpiresAtSeconds: number;
}

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
  /** The live generation of the token family. */
  readonly current: TokenGeneration;
}
