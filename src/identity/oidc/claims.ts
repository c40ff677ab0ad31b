/**
 * What a provider says of a person: the ID token, and UserInfo where that leaves
 * something out.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import type { ClientParts, OidcClient } from "./client.ts";
import { toFailure, UntrustedAnswerError } from "./failure.ts";
import { readIdToken, readSigned } from "./id_token.ts";
import type { SignedClaims } from "./id_token.ts";
import type { OidcContext } from "./port.ts";

/** The ID token of a token endpoint's answer, verified; `null` where there is none. */
export async function signedClaims(
  { clientId, signature, clock }: OidcClient,
  tokens: oauth.TokenEndpointResponse,
  { waitUntil }: OidcContext,
): Promise<SignedClaims | null> {
  if (tokens.id_token === undefined) return null;
  const claims = await readIdToken(
    { idToken: tokens.id_token, accessToken: tokens.access_token },
    signature,
    { nowSeconds: clock() / 1000, waitUntil },
  );
  // Core section 3.1.3.7 number 5; the library looks at it where there are several audiences.
  if (claims.azp !== undefined && claims.azp !== clientId) {
    throw new UntrustedAnswerError("an ID token that was given to another client (azp)");
  }
  return claims;
}

/** Asks UserInfo, but only for what the ID token leaves out (Core section 5.3). */
export async function completed(
  { wanted, signature }: OidcClient,
  claims: SignedClaims,
  accessToken: string,
  { server, client, http }: ClientParts,
  { waitUntil }: OidcContext,
): Promise<SignedClaims> {
  const isComplete = wanted.every((read) => read(claims) !== undefined);
  if (isComplete || server.userinfo_endpoint === undefined) return claims;
  const response = await oauth.userInfoRequest(server, client, accessToken, http);
  // A signed answer is read from the very text whose signature is verified.
  const [type] = (response.headers.get("content-type") ?? "").split(";");
  const signed = type?.trim().toLowerCase() === "application/jwt"
    ? await response.clone().text()
    : null;
  const subject = String(claims.sub);
  const checked = await oauth.processUserInfoResponse(server, client, subject, response);
  const info = signed === null
    ? checked as SignedClaims
    : (await readSigned(signed, signature, waitUntil)).payload;
  return merged(info, claims);
}

/**
 * Where both speak, the ID token counts; and of the sign-in itself it alone says
 * anything: UserInfo is about the person, who may have a hand in it. That an address is
 * verified is said of the one beside it (Core section 5.1), and of no other.
 */
function merged(info: SignedClaims, claims: SignedClaims): SignedClaims {
  const isOfOther = claims.email !== undefined && claims.email !== info.email;
  const ofPerson = Object.entries(info).filter(([name]) =>
    !OF_SIGN_IN.has(name) && !(isOfOther && name === "email_verified")
  );
  // `fromEntries` defines properties, so a claim called "__proto__" is only a claim.
  return { ...Object.fromEntries(ofPerson), ...claims };
}

/** Core section 2, Back-Channel Logout 1.0 section 2.1. */
const OF_SIGN_IN: ReadonlySet<string> = new Set([
  "acr",
  "amr",
  "at_hash",
  "aud",
  "auth_time",
  "azp",
  "exp",
  "iat",
  "iss",
  "nonce",
  "sid",
]);

/**
 * What the provider says of a person after a refresh; `null`: nothing, or nothing that
 * could be had at the moment. The new refresh token is not to be lost for that.
 */
export async function freshClaims(
  ours: OidcClient,
  tokens: oauth.TokenEndpointResponse,
  subject: string,
  parts: ClientParts,
  context: OidcContext,
): Promise<SignedClaims | null> {
  try {
    const signed = await signedClaims(ours, tokens, context);
    // Core section 12.2: the same person as at the sign-in.
    if (signed !== null && signed.sub !== subject) {
      throw new UntrustedAnswerError("an ID token of somebody else");
    }
    // An ID token is no must here (section 12.2), so UserInfo may be all there is.
    const known = signed ?? { sub: subject };
    const whole = await completed(ours, known, tokens.access_token, parts, context);
    return signed === null && whole === known ? null : whole;
  } catch (error) {
    if (toFailure(error, "fresh claims").kind === "unavailable") return null;
    throw error;
  }
}
