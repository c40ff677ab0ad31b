/**
 * How, and how long ago, somebody must have signed in for a route
 * ({@link https://www.rfc-editor.org/rfc/rfc9470 | RFC 9470}).
 *
 * @module
 */
import type { JsonValue } from "../base/json.ts";

/** What a route asks of a sign-in. */
export interface AuthenticationRule {
  /** One of these authentication contexts (`acr`), best first; empty: any. */
  readonly acrValues: readonly string[];
  /** The sign-in is no longer ago than this; `null`: however long. */
  readonly maxAgeSeconds: number | null;
}

/** Clocks of providers are not ours: a sign-in may seem this much older than it is. */
const TOLERANCE_SECONDS = 30;

/** A provider's clock may be this much ahead of ours; beyond it, ours was set back. */
const AHEAD_SECONDS = 300;

/**
 * Whether a token's `acr` and `auth_time` satisfy a rule; a claim that is absent does not,
 * nor does a sign-in that is still to come: nobody knows how long ago it was.
 */
export function isAuthenticationMet(
  { acrValues, maxAgeSeconds }: AuthenticationRule,
  claims: Readonly<Record<string, JsonValue>>,
  nowMs: number,
): boolean {
  const { acr, auth_time: authTime } = claims;
  if (acrValues.length > 0 && !(typeof acr === "string" && acrValues.includes(acr))) return false;
  if (maxAgeSeconds === null) return true;
  if (typeof authTime !== "number") return false;
  const ageSeconds = nowMs / 1000 - authTime;
  return ageSeconds >= -AHEAD_SECONDS && ageSeconds <= maxAgeSeconds + TOLERANCE_SECONDS;
}
