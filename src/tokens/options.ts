/**
 * What tokens are told.
 *
 * @module
 */

/** How an upstream is told, provably, who is calling. */
export interface AssertionConfig {
  readonly header: "X-Auth-Assertion" | "Authorization";
  readonly audience: string;
  readonly ttlSeconds: number;
  readonly alg: "ES256" | "EdDSA" | "RS256";
}
