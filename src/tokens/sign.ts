/**
 * Signs JWTs with a `typ` of their own. (`hono/jwt`, which verifies them, signs
 * with `JWT` only.)
 *
 * @module
 */
import type { JsonValue } from "../base/json.ts";
import type { KeyAlgorithm, RingKey } from "./key_ring.ts";

/**
 * `typ` by kind of token (RFC 8725 §3.11, RFC 9068 §2.1): one can never stand
 * for another, whatever their claims say.
 */
export const TYP = {
  access: "at+jwt",
  refresh: "postern-refresh+jwt",
  assertion: "postern-assertion+jwt",
  client: "postern-client+jwt",
} as const;

/** A key of the ring that signs. */
export type SigningKey = RingKey & { readonly signKey: CryptoKey };

/** RFC 7518 §3.1, RFC 8037 §3.1, as WebCrypto calls them. */
const PARAMS = {
  HS256: { name: "HMAC" },
  ES256: { name: "ECDSA", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
  RS256: { name: "RSASSA-PKCS1-v1_5" },
} as const satisfies Readonly<Record<KeyAlgorithm, EcdsaParams | AlgorithmIdentifier>>;

const encoder = new TextEncoder();

/** Signs a payload in compact serialisation (RFC 7515 §3.1); members that are `undefined` are left out. */
export async function signJwt(
  kind: keyof typeof TYP,
  payload: Readonly<Record<string, JsonValue | undefined>>,
  { kid, alg, signKey }: SigningKey,
): Promise<string> {
  const signed = `${encodePart({ alg, typ: TYP[kind], kid })}.${encodePart(payload)}`;
  const signature = await crypto.subtle.sign(PARAMS[alg], signKey, encoder.encode(signed));
  return `${signed}.${base64url(new Uint8Array(signature))}`;
}

function encodePart(part: object): string {
  return base64url(encoder.encode(JSON.stringify(part)));
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
