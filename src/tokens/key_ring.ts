/**
 * The key ring: the private JWK set of `POSTERN_KEYS`. The first key signs,
 * all of them verify, so keys are rotated by putting a new one in front and
 * nobody is signed out. Each key is imported once and pinned to one algorithm.
 *
 * @module
 */
import * as z from "zod";

/** Signature algorithms of the key ring (RFC 7518 §3.1, RFC 8037 §3.1). */
export type KeyAlgorithm = "HS256" | "ES256" | "EdDSA" | "RS256";

/** A key of the ring, ready for `hono/jwt`. */
export interface RingKey {
  readonly kid: string;
  readonly alg: KeyAlgorithm;
  /** Absent when the ring holds the public part only: such a key verifies and never signs. */
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
   * private key (HKDF, RFC 5869), in ring order: the first makes, all check.
   */
  readonly hmacKeys: readonly CryptoKey[];
}

/** `POSTERN_KEYS` can not be used; one line per mistake. */
export class KeyRingError extends Error {
  override readonly name = "KeyRingError";
  readonly code = "keys_invalid";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** RFC 7518 §3.2: an HMAC key is at least as long as the hash. */
const MIN_HMAC_BYTES = 32;
/** RFC 7518 §3.3. */
const MIN_RSA_BITS = 2048;

const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/, { error: "must be base64url" });
const common = { kid: z.string().min(1).max(128), use: z.literal("sig").exactOptional() };

const jwkSchema = z.discriminatedUnion("alg", [
  z.object({ ...common, alg: z.literal("HS256"), kty: z.literal("oct"), k: base64url }),
  z.object({
    ...common,
    alg: z.literal("ES256"),
    kty: z.literal("EC"),
    crv: z.literal("P-256"),
    x: base64url,
    y: base64url,
    d: base64url.exactOptional(),
  }),
  z.object({
    ...common,
    alg: z.literal("EdDSA"),
    kty: z.literal("OKP"),
    crv: z.literal("Ed25519"),
    x: base64url,
    d: base64url.exactOptional(),
  }),
  z.object({
    ...common,
    alg: z.literal("RS256"),
    kty: z.literal("RSA"),
    n: base64url,
    e: base64url,
    d: base64url.exactOptional(),
    p: base64url.exactOptional(),
    q: base64url.exactOptional(),
    dp: base64url.exactOptional(),
    dq: base64url.exactOptional(),
    qi: base64url.exactOptional(),
  }),
]);

type Jwk = z.output<typeof jwkSchema>;

const jwkSetSchema = z.object({ keys: z.array(jwkSchema).min(1) });

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
  const hmacKeys: CryptoKey[] = [];
  for (const jwk of jwks) {
    const secret = jwk.kty === "oct" ? jwk.k : jwk.d;
    if (secret !== undefined) hmacKeys.push(await deriveHmacKey(secret));
  }
  const signerFor = (alg: KeyAlgorithm) => {
    for (const key of keys) {
      if (key.alg === alg && canSign(key)) return key;
    }
    return null;
  };
  const [signing] = keys;
  if (signing === undefined || !canSign(signing)) {
    throw new KeyRingError([
      "POSTERN_KEYS.keys[0]: the first key signs, so it needs its private part",
    ]);
  }
  return {
    signing,
    byKid: new Map(keys.map((key) => [key.kid, key])),
    signerFor,
    publicJwks: { keys: jwks.filter((jwk) => jwk.kty !== "oct").map(publicPart) },
    hmacKeys,
  };
}

function canSign(key: RingKey): key is RingKey & { readonly signKey: CryptoKey } {
  return key.signKey !== null;
}

function parseJwkSet(json: string): Jwk[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's own message would quote the key.
    throw new KeyRingError(["POSTERN_KEYS: is not valid JSON; `deno task keys` prints a new set"]);
  }
  const parsed = jwkSetSchema.safeParse(value);
  if (!parsed.success) {
    throw new KeyRingError(
      parsed.error.issues.map((issue) => `POSTERN_KEYS.${keyPath(issue.path)}: ${issue.message}`),
    );
  }
  const problems: string[] = [];
  const seen = new Set<string>();
  parsed.data.keys.forEach((jwk, index) => {
    const where = `POSTERN_KEYS.keys[${index}]`;
    if (seen.has(jwk.kid)) problems.push(`${where}.kid: "${jwk.kid}" is used twice`);
    seen.add(jwk.kid);
    if (jwk.kty === "oct" && byteLength(jwk.k) < MIN_HMAC_BYTES) {
      problems.push(
        `${where}.k: the secret has ${byteLength(jwk.k) * 8} bits and HS256 needs at least ${
          MIN_HMAC_BYTES * 8
        }; \`deno task keys\` prints a new set`,
      );
    }
    if (jwk.kty === "RSA" && rsaBits(jwk.n) < MIN_RSA_BITS) {
      problems.push(`${where}.n: RS256 needs a modulus of at least ${MIN_RSA_BITS} bits`);
    }
  });
  if (problems.length > 0) throw new KeyRingError(problems);
  return parsed.data.keys;
}

function keyPath(path: readonly PropertyKey[]): string {
  return path.map((part, index) =>
    typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`
  ).join("");
}

async function importKey(jwk: Jwk): Promise<RingKey> {
  const params = IMPORT_PARAMS[jwk.alg];
  // WebCrypto knows Ed25519 keys by curve; some runtimes refuse the JOSE name "EdDSA" in `alg`.
  const { use: _use, alg: _alg, ...material } = jwk;
  if (jwk.kty === "oct") {
    const key = await crypto.subtle.importKey("jwk", material, params, false, ["sign", "verify"]);
    return { kid: jwk.kid, alg: jwk.alg, signKey: named(key, jwk), verifyKey: key };
  }
  const verifyKey = await crypto.subtle.importKey("jwk", publicMaterial(material), params, false, [
    "verify",
  ]);
  const signKey = jwk.d === undefined
    ? null
    : named(await crypto.subtle.importKey("jwk", material, params, false, ["sign"]), jwk);
  return { kid: jwk.kid, alg: jwk.alg, signKey, verifyKey };
}

/**
 * `hono/jwt` writes `kid` into the header only when the key object carries
 * `alg` and `kid`; a `CryptoKey` that does keeps the import out of every call.
 */
function named(key: CryptoKey, jwk: Jwk): CryptoKey {
  return Object.assign(key, { alg: jwk.alg, kid: jwk.kid });
}

function publicMaterial(jwk: object): JsonWebKey {
  return Object.fromEntries(Object.entries(jwk).filter(([member]) => !PRIVATE_MEMBERS.has(member)));
}

function publicPart(jwk: Jwk): JsonWebKey {
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

function byteLength(base64url: string): number {
  return Math.floor((base64url.length * 3) / 4);
}

function rsaBits(modulus: string): number {
  const raw = bytes(modulus);
  const first = raw.findIndex((byte) => byte !== 0);
  if (first < 0) return 0;
  return (raw.length - first) * 8 - Math.clz32(raw[first] ?? 0) + 24;
}

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/**
 * A new private JWK set for `POSTERN_KEYS`: an Ed25519 key that signs tokens
 * (its signatures are deterministic, so a repeated refresh answers with the
 * very same bytes) and a P-256 key for identity assertions, the algorithm that
 * JWT libraries of backends are most sure to have.
 */
export async function generateKeySet(): Promise<{ keys: JsonWebKey[] }> {
  const generate = async (alg: "EdDSA" | "ES256"): Promise<JsonWebKey> => {
    const pair = await crypto.subtle.generateKey(IMPORT_PARAMS[alg], true, ["sign", "verify"]);
    if (!("privateKey" in pair)) throw new TypeError(`${alg} is not a key pair algorithm`);
    const { key_ops: _ops, ext: _ext, ...jwk } = await crypto.subtle.exportKey(
      "jwk",
      pair.privateKey,
    );
    const kid = crypto.randomUUID().slice(0, 13);
    return { ...jwk, kid, alg, use: "sig" } as JsonWebKey;
  };
  return { keys: [await generate("EdDSA"), await generate("ES256")] };
}
