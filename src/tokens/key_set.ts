/**
 * The text of `POSTERN_KEYS`: a private JWK set (RFC 7517), read and held
 * against what keys have to be.
 *
 * @module
 */
import * as z from "../base/schema.ts";
import { describeIssue } from "../base/issues.ts";
import { isCanonicalBase64url } from "./base64url.ts";

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

const base64url = z.string().check(
  z.minLength(1),
  z.refine(isCanonicalBase64url, { error: "must be base64url" }),
);
const common = {
  kid: z.string().check(z.minLength(1), z.maxLength(128)),
  use: z.exactOptional(z.literal("sig")),
  key_ops: z.exactOptional(z.array(z.enum(["sign", "verify"])).check(z.minLength(1))),
  // Not of RFC 7517, which lets others be there (section 4): when it was made, as in a token.
  iat: z.exactOptional(z.int().check(z.minimum(0))),
};

const jwkSchema = z.discriminatedUnion("alg", [
  z.object({ ...common, alg: z.literal("HS256"), kty: z.literal("oct"), k: base64url }),
  z.object({
    ...common,
    alg: z.literal("ES256"),
    kty: z.literal("EC"),
    crv: z.literal("P-256"),
    x: base64url,
    y: base64url,
    d: z.exactOptional(base64url),
  }),
  z.object({
    ...common,
    alg: z.literal("EdDSA"),
    kty: z.literal("OKP"),
    crv: z.literal("Ed25519"),
    x: base64url,
    d: z.exactOptional(base64url),
  }),
  z.object({
    ...common,
    alg: z.literal("RS256"),
    kty: z.literal("RSA"),
    n: base64url,
    e: base64url,
    d: z.exactOptional(base64url),
    p: z.exactOptional(base64url),
    q: z.exactOptional(base64url),
    dp: z.exactOptional(base64url),
    dq: z.exactOptional(base64url),
    qi: z.exactOptional(base64url),
  }),
]);

/** A key as it stands in `POSTERN_KEYS`. */
export type Jwk = z.output<typeof jwkSchema>;

const jwkSetSchema = z.object({ keys: z.array(jwkSchema).check(z.minLength(1)) });

/**
 * Reads a private JWK set (RFC 7517 §5).
 *
 * @throws {KeyRingError} naming every mistake, never a key.
 */
export function parseJwkSet(json: string): Jwk[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's own message would quote the key.
    throw new KeyRingError(["POSTERN_KEYS: is not valid JSON; `deno task keys` prints a new set"]);
  }
  const parsed = jwkSetSchema.safeParse(value, { reportInput: true });
  if (!parsed.success) {
    throw new KeyRingError(
      parsed.error.issues.flatMap((issue) =>
        describeIssue({ ...issue, path: ["POSTERN_KEYS", ...issue.path] })
      ).map((line) => `${line}; \`deno task keys\` prints a new set`),
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
    if (jwk.kty === "oct" && isMonotonous(bytes(jwk.k))) {
      problems.push(
        `${where}.k: repeats one or two bytes and can be guessed; \`deno task keys\` prints a new set`,
      );
    }
    if (jwk.kty === "RSA" && rsaBits(jwk.n) < MIN_RSA_BITS) {
      problems.push(`${where}.n: RS256 needs a modulus of at least ${MIN_RSA_BITS} bits`);
    }
  });
  if (problems.length > 0) throw new KeyRingError(problems);
  return parsed.data.keys;
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

/** The bytes of base64url. */
export function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/** Whether a secret is made of one or two bytes only: zeros, or a key on the keyboard held down. */
export function isMonotonous(secret: Uint8Array): boolean {
  return new Set(secret).size <= 2;
}
