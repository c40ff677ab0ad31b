/**
 * ID tokens ({@link https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation | OpenID
 * Connect Core 1.0 section 3.1.3.7}): what the protocol library leaves to us. It has looked at
 * the claims; here are the signature, which is verified always although section 3.1.3.7 number 6
 * lets a client skip it behind TLS, and the age.
 *
 * @module
 */
import type { WaitUntil } from "../../base/background.ts";
import type { JsonValue } from "../../base/json.ts";
import { UnreachableError } from "../../outbound/bounded_fetch.ts";
import type { KeySet } from "../../tokens/issuers/key_set.ts";
import type { ForeignAlgorithm } from "../../tokens/issuers/options.ts";
import { readToken, verifySignature } from "../../tokens/issuers/signature.ts";
import type { Unverified } from "../../tokens/issuers/signature.ts";
import { UntrustedAnswerError } from "./failure.ts";

/** What a token of the provider says, and it did say it. */
export type SignedClaims = Readonly<Record<string, JsonValue>>;

/** What signatures are checked with. */
export interface SignatureParts {
  readonly keys: KeySet;
  readonly algorithms: readonly ForeignAlgorithm[];
}

/** An ID token is asked for and used at once: an older one was made for another occasion. */
const MAX_AGE_SECONDS = 3_600;

/**
 * Reads a token of the provider and verifies its signature.
 *
 * @throws {UntrustedAnswerError} when the signature is not the provider's.
 * @throws {UnreachableError} when the provider's keys can not be had.
 */
export async function readSigned(
  token: string,
  { keys, algorithms }: SignatureParts,
  waitUntil: WaitUntil,
): Promise<Unverified> {
  const read = readToken(token);
  if (read === null) throw new UntrustedAnswerError("a token that is no compact JWS");
  const verified = await verifySignature(token, read, { algorithms, keys, waitUntil });
  switch (verified) {
    case "unavailable":
      throw new UnreachableError("the key set can not be fetched");
    case "unknown_key":
      throw new UntrustedAnswerError("a token signed with a key or algorithm that is not accepted");
    case "bad_signature":
      throw new UntrustedAnswerError("a token whose signature is wrong");
  }
  return read;
}

/**
 * The claims of an ID token that came along with an access token.
 *
 * @throws as {@link readSigned}, and where `iat` or `at_hash` are wrong.
 */
export async function readIdToken(
  { idToken, accessToken }: { readonly idToken: string; readonly accessToken: string },
  parts: SignatureParts,
  { nowSeconds, waitUntil }: { readonly nowSeconds: number; readonly waitUntil: WaitUntil },
): Promise<SignedClaims> {
  const { header, payload } = await readSigned(idToken, parts, waitUntil);
  const { iat, at_hash: hash } = payload;
  if (typeof iat !== "number" || nowSeconds - iat > MAX_AGE_SECONDS) {
    throw new UntrustedAnswerError("an ID token that was issued long ago");
  }
  if (hash !== undefined && hash !== await halfHash(accessToken, header.alg)) {
    throw new UntrustedAnswerError("an ID token that belongs to another access token (at_hash)");
  }
  return payload;
}

/** Left half of the hash that goes with the signature algorithm (Core section 3.1.3.6). */
async function halfHash(text: string, alg: string): Promise<string> {
  const bits = /(?:256|384|512)$/.exec(alg)?.[0] ?? "512";
  const digest = await crypto.subtle.digest(`SHA-${bits}`, new TextEncoder().encode(text));
  const half = new Uint8Array(digest).slice(0, digest.byteLength / 2);
  return btoa(String.fromCharCode(...half))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
