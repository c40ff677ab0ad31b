/**
 * What tokens are told.
 *
 * @module
 */
import type { LegacyConfig } from "./legacy.ts";

/** How an upstream is told, provably, who is calling. */
export interface AssertionConfig {
  readonly header: "X-Auth-Assertion" | "Authorization";
  readonly audience: string;
  readonly ttlSeconds: number;
  readonly alg: "ES256" | "EdDSA" | "RS256";
}

/** What the gateway's own tokens say, and how long they are good. */
export interface TokenOptions {
  /** `iss` (RFC 7519 §4.1.1). */
  readonly issuer: string;
  /** `aud` (RFC 7519 §4.1.3). */
  readonly audience: string;
  readonly accessTtlSeconds: number;
  readonly refreshTtlSeconds: number;
  /** No refresh token outlives its session's age. */
  readonly sessionMaxAgeSeconds: number;
  /** Sessions that one subject may have; the oldest beyond it end. */
  readonly maxSessions: number;
  /** In which a spent refresh token still answers, with its own one successor. */
  readonly rotationGraceMs: number;
  /** How far clocks of two machines may be apart. */
  readonly clockToleranceSeconds: number;
  /** A further claim that holds the subject; `null`: `sub` alone. */
  readonly subjectClaim: string | null;
  /** Schemes of `Authorization` beside `Bearer` that carry these tokens (SimpleJWT's `AUTH_HEADER_TYPES`). */
  readonly headerTypes: readonly string[];
  /** Tokens from before Postern. */
  readonly legacy: LegacyConfig | null;
  /** Whether sessions of several hosts that began with one sign-in end together. */
  readonly hasFamilies?: boolean;
  /** The longest life of a token that others signed (`issuers/`); absent where none are taken. */
  readonly foreignTtlSeconds?: number;
}
