/**
 * Keys and tokens for the contenders, made without a sign-in.
 *
 * @module
 */
import { sign } from "hono/jwt";
import { v7 } from "uuid";
import { importKeyRing } from "../../src/tokens/key_ring.ts";

/** A signature algorithm of the key ring. */
export type Algorithm = "HS256" | "ES256" | "EdDSA" | "RS256";

/** The issuer and audience of every token here. */
export const ORIGIN = "http://localhost:9999";

/** A private JWK set whose first key is of the algorithm; an ES256 key for assertions follows. */
export async function keySet(algorithm: Algorithm): Promise<string> {
  const keys = [await privateJwk(algorithm)];
  if (algorithm !== "ES256") keys.push(await privateJwk("ES256"));
  return JSON.stringify({ keys });
}

async function privateJwk(algorithm: Algorithm): Promise<JsonWebKey & { kid: string }> {
  const kid = crypto.randomUUID();
  const extractable = true;
  switch (algorithm) {
    case "HS256": {
      const bytes = crypto.getRandomValues(new Uint8Array(32));
      return {
        kty: "oct",
        k: bytes.toBase64({ alphabet: "base64url", omitPadding: true }),
        alg: algorithm,
        kid,
      };
    }
    case "ES256": {
      const pair = await crypto.subtle.generateKey(
        { name: "ECDSA", namedCurve: "P-256" },
        extractable,
        ["sign", "verify"],
      );
      return { ...await crypto.subtle.exportKey("jwk", pair.privateKey), alg: algorithm, kid };
    }
    case "EdDSA": {
      const pair = await crypto.subtle.generateKey("Ed25519", extractable, ["sign", "verify"]);
      return {
        ...await crypto.subtle.exportKey("jwk", (pair as CryptoKeyPair).privateKey),
        alg: algorithm,
        kid,
      };
    }
    case "RS256": {
      const pair = await crypto.subtle.generateKey(
        {
          name: "RSASSA-PKCS1-v1_5",
          modulusLength: 2048,
          publicExponent: new Uint8Array([1, 0, 1]),
          hash: "SHA-256",
        },
        extractable,
        ["sign", "verify"],
      );
      return { ...await crypto.subtle.exportKey("jwk", pair.privateKey), alg: algorithm, kid };
    }
  }
}

/** Access tokens of sessions that nobody has opened: valid for an hour, each of another session. */
export async function mintTokens(keys: string, count: number): Promise<string[]> {
  const { signing } = await importKeyRing(keys);
  const nowSeconds = Math.floor(Date.now() / 1000);
  return await Promise.all(
    Array.from({ length: count }, (_, index) =>
      sign(
        {
          iss: ORIGIN,
          aud: ORIGIN,
          sub: `user-${index}`,
          sid: v7(),
          jti: crypto.randomUUID(),
          iat: nowSeconds,
          exp: nowSeconds + 3600,
          token_type: "access",
          scope: "read write",
        },
        signing.signKey,
        signing.alg,
      )),
  );
}
