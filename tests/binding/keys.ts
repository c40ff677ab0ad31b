/**
 * Keys, and proofs made by hand, for the tests of `binding/`.
 *
 * @module
 */
import { base64url, exportJWK } from "jose";

/** HMAC keys as the key ring derives them. */
export async function hmacKeys(...secrets: readonly string[]): Promise<CryptoKey[]> {
  return await Promise.all(secrets.map((secret) =>
    crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(secret.padEnd(32, ".")),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign", "verify"],
    )
  ));
}

/** A key pair for ES256. */
export async function es256(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
}

/** What a hand-made proof says; a function's result is taken as it is. */
export interface Handmade {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly payload?: Readonly<Record<string, unknown>>;
}

/** A compact JWS signed with ES256; the header holds the public key unless told otherwise. */
export async function handmade(pair: CryptoKeyPair, what: Handmade): Promise<string> {
  const jwk = await exportJWK(pair.publicKey);
  const header = { alg: "ES256", jwk, ...what.header };
  const signed = `${part(header)}.${part(what.payload ?? {})}`;
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    pair.privateKey,
    new TextEncoder().encode(signed),
  );
  return `${signed}.${base64url.encode(new Uint8Array(signature))}`;
}

function part(value: unknown): string {
  return base64url.encode(JSON.stringify(value));
}
