/**
 * The usable public keys of a JWK set (RFC 7517 §5) that somebody else published.
 *
 * @module
 */
import { base64url, importJWK } from "jose";
import type { JsonValue } from "../../base/json.ts";
import type { ForeignAlgorithm } from "./options.ts";

/** More keys than this in one set are no key set. */
const MAX_KEYS = 100;
/** RFC 7518 §3.3 and §3.5. */
const MIN_RSA_BITS = 2048;
/** Beyond this a single verification takes milliseconds. */
const MAX_RSA_BITS = 8192;
const BASE64URL = /^[A-Za-z0-9_-]{1,2048}$/;

/** A key as jose takes it. */
export type ImportedKey = Exclude<Awaited<ReturnType<typeof importJWK>>, Uint8Array>;

/** A key of a set. */
export interface PublicKey {
  readonly kid: string | null;
  readonly kty: string;
  /** Algorithms that the key can be used with, by its kind and its own `alg`. */
  readonly algorithms: ReadonlySet<ForeignAlgorithm>;
  /** The same for the same key material and use: tells an old key from a new one. */
  readonly identity: string;
  /** False once the issuer has taken the key out of its set. */
  isTrusted: boolean;
  /** The imported key, or `null` when the material is none. */
  load(alg: ForeignAlgorithm): Promise<ImportedKey | null>;
}

const RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const;
const BY_CURVE: Readonly<Record<string, readonly ForeignAlgorithm[]>> = {
  "P-256": ["ES256"],
  "P-384": ["ES384"],
  "P-521": ["ES512"],
  "Ed25519": ["EdDSA", "Ed25519"],
};

/**
 * Reads a key set: unusable keys are left out, and so are keys of one type that
 * share a `kid`, since nobody can say which of them is meant. An issuer that has
 * taken all of them back has an empty one. `null`: not a set.
 */
export function readKeySet(document: JsonValue): readonly PublicKey[] | null {
  if (!isRecord(document) || !Array.isArray(document.keys)) return null;
  if (document.keys.length > MAX_KEYS) return null;
  const keys = document.keys.map(readKey).filter((key) => key !== null);
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(nameOf(key), (counts.get(nameOf(key)) ?? 0) + 1);
  return keys.filter((key) => key.kid === null || counts.get(nameOf(key)) === 1);
}

function nameOf({ kid, kty }: PublicKey): string {
  return JSON.stringify([kty, kid]);
}

function readKey(jwk: JsonValue): PublicKey | null {
  if (!isRecord(jwk)) return null;
  const { kid, kty, use, alg, key_ops: operations } = jwk;
  if (kid !== undefined && (typeof kid !== "string" || kid === "")) return null;
  if (use !== undefined && use !== "sig") return null;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    return null;
  }
  const material = publicMaterial(jwk);
  if (material === null || typeof kty !== "string") return null;
  const possible = kty === "RSA" ? RSA : BY_CURVE[String(jwk.crv)] ?? [];
  const algorithms = new Set<ForeignAlgorithm>(
    possible.filter((each) => alg === undefined || alg === each),
  );
  if (algorithms.size === 0) return null;
  const loaded = new Map<ForeignAlgorithm, Promise<ImportedKey | null>>();
  return {
    kid: kid ?? null,
    kty,
    algorithms,
    identity: JSON.stringify([kid ?? null, alg ?? null, material]),
    isTrusted: true,
    load(wanted) {
      let key = loaded.get(wanted);
      if (key === undefined) {
        key = importPublic(material, wanted);
        loaded.set(wanted, key);
      }
      return key;
    },
  };
}

/** Only the members that make the public key (RFC 7518 §6): nothing else of a set is looked at. */
function publicMaterial(jwk: Record<string, JsonValue>): Record<string, string> | null {
  const { kty, crv, x, y, n, e } = jwk;
  if (kty === "RSA" && isBase64Url(n) && isBase64Url(e)) {
    const bits = n.length % 4 === 1 ? 0 : modulusBits(n);
    return bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS ? { kty, n, e } : null;
  }
  if (typeof crv !== "string" || !Object.hasOwn(BY_CURVE, crv) || !isBase64Url(x)) return null;
  if (kty === "EC" && crv.startsWith("P-") && isBase64Url(y)) return { kty, crv, x, y };
  if (kty === "OKP" && crv === "Ed25519") return { kty, crv, x };
  return null;
}

async function importPublic(
  material: Record<string, string>,
  alg: ForeignAlgorithm,
): Promise<ImportedKey | null> {
  try {
    const key = await importJWK(material, alg);
    return key instanceof Uint8Array ? null : key;
  } catch {
    // A point that is not on its curve, or a curve that the runtime does not know.
    return null;
  }
}

/** Leading zero bytes do not make a modulus longer. */
function modulusBits(modulus: string): number {
  const bytes = base64url.decode(modulus);
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (bytes.length - first) * 8 - Math.clz32(bytes[first] ?? 0) + 24;
}

function isBase64Url(value: JsonValue | undefined): value is string {
  return typeof value === "string" && BASE64URL.test(value);
}

/** Whether a JSON value is an object. */
export function isRecord(value: JsonValue | undefined): value is Record<string, JsonValue> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
