/**
 * The key ring: the private JWK set of `POSTERN_KEYS`. The first key that may
 * sign does, all of them verify. Each key is imported once and pinned to one
 * algorithm.
 *
 * With several instances a change of keys takes two steps, so that none of them
 * meets a token of a key that it does not have: first the new key is added
 * everywhere with `"key_ops": ["verify"]` (RFC 7517 §4.3) – it verifies and
 * does not sign yet –, then that is taken away and the key put in front.
 *
 * @module
 */
import { bytes, KeyRingError, parseJwkSet } from "./key_set.ts";
import type { Jwk } from "./key_set.ts";

export { KeyRingError } from "./key_set.ts";

/** Signature algorithms of the key ring (RFC 7518 §3.1, RFC 8037 §3.1). */
export type KeyAlgorithm = "HS256" | "ES256" | "EdDSA" | "RS256";

/** A key of the ring, ready for `hono/jwt`. */
export interface RingKey {
  readonly kid: string;
  readonly alg: KeyAlgorithm;
  /** When it was made, in seconds (`iat` of the JWK); `null`: nobody wrote it down. */
  readonly createdAtSeconds: number | null;
  /** Absent when the ring holds the public part only, or the key is to verify and not sign. */
  readonly signKey: CryptoKey | null;
  readonly verifyKey: CryptoKey;
}

/** All keys, and what is derived from them. */
export interface KeyRing {
  /** Signs access and refresh tokens. */
  readonly signing: RingKey & { readonly signKey: CryptoKey };
  readonly byKid: ReadonlyMap<string, RingKey>;
  /** The first key that can sign with an algorithm; identity assertions use it. */
  signerFor(alg: KeyAlgorithm): (RingKey & { readonly signKey: CryptoKey }) | null;
  /** Public keys of the asymmetric part of the ring (RFC 7517 §5). */
  readonly publicJwks: { readonly keys: readonly JsonWebKey[] };
  /**
   * HMAC-SHA-256 keys for CSRF tokens and counters, one derived from each
   * private key (HKDF, RFC 5869): the first makes, all check. Those of keys
   * that only verify come last.
   */
  readonly hmacKeys: readonly CryptoKey[];
}

const IMPORT_PARAMS = {
  HS256: { name: "HMAC", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
} as const;

/** The members of a private key that must never be published (RFC 7518 §6). */
const PRIVATE_MEMBERS = new Set(["d", "p", "q", "dp", "dq", "qi", "k"]);

/**
 * Reads and imports a private JWK set (RFC 7517).
 *
 * @throws {KeyRingError} naming every mistake, never a key.
 */
export async function importKeyRing(json: string): Promise<KeyRing> {
  const jwks = parseJwkSet(json);
  const keys: RingKey[] = [];
  for (const [index, jwk] of jwks.entries()) {
    try {
      keys.push(await importKey(jwk));
    } catch {
      throw new KeyRingError([`POSTERN_KEYS.keys[${index}]: is not a valid ${jwk.alg} key`]);
    }
  }
  const signing = keys.find(canSign);
  if (signing === undefined) {
    throw new KeyRingError([
      'POSTERN_KEYS: no key may sign; one needs its private part, and no key_ops without "sign"',
    ]);
  }
  const hmacKeys: CryptoKey[] = [];
  for (const jwk of [...jwks.filter(maySign), ...jwks.filter((each) => !maySign(each))]) {
    const secret = secretOf(jwk);
    if (secret !== undefined) hmacKeys.push(await deriveHmacKey(secret));
  }
  return {
    signing,
    byKid: new Map(keys.map((key) => [key.kid, key])),
    signerFor: (alg) => keys.filter(canSign).find((key) => key.alg === alg) ?? null,
    publicJwks: { keys: jwks.filter((jwk) => jwk.kty !== "oct").map(publicPart) },
    hmacKeys,
  };
}

function maySign(jwk: Jwk): boolean {
  return jwk.key_ops === undefined || jwk.key_ops.includes("sign");
}

function secretOf(jwk: Jwk): string | undefined {
  return jwk.kty === "oct" ? jwk.k : jwk.d;
}

function canSign(key: RingKey): key is RingKey & { readonly signKey: CryptoKey } {
  return key.signKey !== null;
}

async function importKey(jwk: Jwk): Promise<RingKey> {
  const params = IMPORT_PARAMS[jwk.alg];
  // WebCrypto knows Ed25519 keys by curve; some runtimes refuse the JOSE name "EdDSA" in `alg`.
  const { use: _use, alg: _alg, key_ops: _ops, iat, ...material } = jwk;
  const named = { kid: jwk.kid, alg: jwk.alg, createdAtSeconds: iat ?? null };
  if (jwk.kty === "oct") {
    const key = await crypto.subtle.importKey("jwk", material, params, false, ["sign", "verify"]);
    const signKey = maySign(jwk) ? labelled(key, jwk) : null;
    return { ...named, signKey, verifyKey: key };
  }
  const verifyKey = await crypto.subtle.importKey("jwk", publicMaterial(material), params, false, [
    "verify",
  ]);
  const signKey = jwk.d === undefined || !maySign(jwk)
    ? null
    : labelled(await crypto.subtle.importKey("jwk", material, params, false, ["sign"]), jwk);
  return { ...named, signKey, verifyKey };
}

/**
 * `hono/jwt` writes `kid` into the header only when the key object carries
 * `alg` and `kid`; a `CryptoKey` that does keeps the import out of every call.
 */
function labelled(key: CryptoKey, jwk: Jwk): CryptoKey {
  return Object.assign(key, { alg: jwk.alg, kid: jwk.kid });
}

function publicMaterial(jwk: object): JsonWebKey {
  return Object.fromEntries(Object.entries(jwk).filter(([member]) => !PRIVATE_MEMBERS.has(member)));
}

function publicPart({ key_ops: _ops, iat: _iat, ...jwk }: Jwk): JsonWebKey {
  return { ...publicMaterial(jwk), use: "sig" };
}

async function deriveHmacKey(secret: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", bytes(secret), "HKDF", false, [
    "deriveKey",
  ]);
  return await crypto.subtle.deriveKey(
    {
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(32),
      info: new TextEncoder().encode("postern hmac v1"),
    },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}

/**
 * A new private JWK set for `POSTERN_KEYS`: an Ed25519 key that signs tokens
 * (its signatures are deterministic, so a repeated refresh answers with the
 * very same bytes) and a P-256 key for identity assertions, the algorithm that
 * JWT libraries of backends are most sure to have.
 */
export async function generateKeySet(): Promise<{ keys: JsonWebKey[] }> {
  const iat = Math.floor(Date.now() / 1000);
  const generate = async (alg: "EdDSA" | "ES256"): Promise<JsonWebKey> => {
    const pair = await crypto.subtle.generateKey(IMPORT_PARAMS[alg], true, ["sign", "verify"]);
    if (!("privateKey" in pair)) throw new TypeError(`${alg} is not a key pair algorithm`);
    const { key_ops: _ops, ext: _ext, ...jwk } = await crypto.subtle.exportKey(
      "jwk",
      pair.privateKey,
    );
    const kid = crypto.randomUUID().slice(0, 13);
    return { ...jwk, kid, alg, use: "sig", iat } as JsonWebKey;
  };
  return { keys: [await generate("EdDSA"), await generate("ES256")] };
}
