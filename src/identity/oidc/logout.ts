/**
 * Signing out together with the provider: what a logout token must be
 * ({@link https://openid.net/specs/openid-connect-backchannel-1_0.html | Back-Channel Logout 1.0}),
 * and where a browser goes on
 * ({@link https://openid.net/specs/openid-connect-rpinitiated-1_0.html | RP-Initiated Logout 1.0}).
 *
 * @module
 */
import type { JsonValue } from "../../base/json.ts";
import type { Unverified } from "../../tokens/issuers/signature.ts";
import { UntrustedAnswerError } from "./failure.ts";
import type { LogoutNotice } from "./port.ts";

const EVENT = "http://schemas.openid.net/event/backchannel-logout";
/** Section 2.4 recommends two minutes; a token that says nothing of its end is not taken for longer. */
const MAX_AGE_SECONDS = 600;
/** Longest `sub`, `sid` or `jti` that is remembered. */
const MAX_ID_LENGTH = 255;

/** What a logout token is held against. */
export interface LogoutRules {
  readonly issuer: string;
  readonly clientId: string;
  readonly toleranceSeconds: number;
  readonly nowSeconds: number;
}

/**
 * Checks the claims of a logout token whose signature is right (section 2.6).
 *
 * @throws {UntrustedAnswerError} naming the claim.
 */
export function checkLogoutToken(
  { header, payload }: Unverified,
  rules: LogoutRules,
): LogoutNotice {
  const { issuer, clientId, toleranceSeconds, nowSeconds } = rules;
  // Explicit typing is recommended only, so its absence is no fault; another type is one.
  if (!["", "jwt", "logout+jwt"].includes(header.type)) refuse("typ");
  if (payload.iss !== issuer) refuse("iss");
  const audience = Array.isArray(payload.aud) ? payload.aud : [payload.aud];
  if (!audience.includes(clientId)) refuse("aud");
  const { iat, exp, events, jti } = payload;
  if (typeof iat !== "number" || iat > nowSeconds + toleranceSeconds) refuse("iat");
  if (exp !== undefined && (typeof exp !== "number" || exp <= nowSeconds - toleranceSeconds)) {
    refuse("exp");
  }
  const endSeconds = Math.min(
    typeof exp === "number" ? exp : Infinity,
    Number(iat) + MAX_AGE_SECONDS,
  );
  if (endSeconds <= nowSeconds - toleranceSeconds) refuse("iat");
  if (!isRecord(events) || !isRecord(events[EVENT])) refuse("events");
  // An ID token must never be good as a logout token.
  if (Object.hasOwn(payload, "nonce")) refuse("nonce");
  const subject = idOf(payload.sub, "sub");
  const session = idOf(payload.sid, "sid");
  if (subject === null && session === null) refuse("sub and sid");
  const name = idOf(jti, "jti");
  if (name === null) throw new UntrustedAnswerError("a logout token without jti");
  return { subject, session, jti: name, expiresAtSeconds: endSeconds + toleranceSeconds + 1 };
}

/** The address that ends the provider's session too, and then comes back. */
export function endSessionUrl(
  endpoint: string,
  { clientId, idToken, redirectUri, state }: {
    readonly clientId: string;
    readonly idToken: string | null;
    readonly redirectUri: string;
    readonly state: string;
  },
): string {
  const url = new URL(endpoint);
  if (idToken !== null) url.searchParams.set("id_token_hint", idToken);
  url.searchParams.set("client_id", clientId);
  url.searchParams.set("post_logout_redirect_uri", redirectUri);
  url.searchParams.set("state", state);
  return url.href;
}

function idOf(value: JsonValue | undefined, claim: string): string | null {
  if (value === undefined) return null;
  if (typeof value !== "string" || value === "" || value.length > MAX_ID_LENGTH) refuse(claim);
  return String(value);
}

function isRecord(value: JsonValue | undefined): value is { readonly [name: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(claim: string): never {
  throw new UntrustedAnswerError(`a logout token with a wrong ${claim}`);
}
