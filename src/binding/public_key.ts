/**
 * The public keys that clients send inside their proofs: shape, import and
 * thumbprint. Whoever holds the private part writes all of it, so nothing here
 * is trusted beyond "this key signed that".
 *
 * @module
 */
import { calculateJwkThumbprint } from "jose/jwk/thumbprint";
import { importJWK } from "jose/key/import";

/** Signature algorithms that a proof may use: asymmetric ones only (RFC 7518 §3.1, RFC 9864). */
export type ProofAlgorithm = "ES256" | "EdDSA" | "Ed25519" | "RS256";

/** A public key out of a proof, reduced to the members that its thumbprint covers. */
export type PublicJwk =
  | { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string }
  | { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string }
  | { readonly kty: "RSA"; readonly n: string; readonly e: "AQAB" };

/** A key that was imported, with its SHA-256 thumbprint (RFC 7638) in base64url. */
export interface ProofKey {
  readonly jwk: PublicJwk;
  readonly jkt: string;
  readonly key: CryptoKey;
}

/** Why a key is not taken. */
export type KeyFailure = "private_key" | "invalid_key";

/** Members that only a private or a symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1). */
const SECRET_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/**
 * 32 bytes in base64url with no stray bits in the last character: one key has
 * one spelling, so it has one thumbprint.
 */
const COORDINATE = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
/** An RSA modulus of 2048 to 4096 bits: shorter is weak, longer is a way to keep us busy. */
const MODULUS = /^[A-Za-z0-9_-]{342,683}$/;

/** Reads the `jwk` of a proof's header for one algorithm; whatever else the key says is dropped. */
export function readPublicJwk(value: unknown, alg: ProofAlgorithm): PublicJwk | KeyFailure {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "invalid_key";
  if (SECRET_MEMBERS.some((member) => Object.hasOwn(value, member))) return "private_key";
  const { kty, crv, x, y, n, e } = value as Readonly<Record<string, unknown>>;
  switch (alg) {
    case "ES256":
      return kty === "EC" && crv === "P-256" && isCoordinate(x) && isCoordinate(y)
        ? { kty, crv, x, y }
        : "invalid_key";
    case "EdDSA":
    case "Ed25519":
      return kty === "OKP" && crv === "Ed25519" && isCoordinate(x)
        ? { kty, crv, x }
        : "invalid_key";
    case "RS256":
      return kty === "RSA" && e === "AQAB" && typeof n === "string" && MODULUS.test(n)
        ? { kty, n, e }
        : "invalid_key";
  }
}

/** Imports a key and takes its thumbprint (RFC 7638 §3). */
export async function importProofKey(
  jwk: PublicJwk,
  alg: ProofAlgorithm,
): Promise<ProofKey | "invalid_key"> {
  try {
    const key = await importJWK({ ...jwk }, alg);
    if (!(key instanceof CryptoKey)) return "invalid_key";
    return { jwk, jkt: await calculateJwkThumbprint({ ...jwk }), key };
  } catch {
    return "invalid_key";
  }
}

function isCoordinate(value: unknown): value is string {
  return typeof value === "string" && COORDINATE.test(value);
}
