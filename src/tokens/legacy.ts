/**
 * Tokens that `djangorestframework-simplejwt` signed before Postern took over.
 * They name no session, so that one is made up for them: always the same one
 * for the same token, and as old as the token. Everything that holds for
 * sessions (rotation, reuse, revocation) then holds for them.
 *
 * @module
 */
import type { JsonValue } from "../base/json.ts";
import type { JsonPointer } from "../base/json_pointer.ts";
import { compileClaims, createIsOfOthers, toSubject } from "./claim_map.ts";
import type { TokenFailure, TokenType, VerifiedToken } from "./claims.ts";
import { isMonotonous, KeyRingError } from "./key_set.ts";

/** What the tokens from before look like: SimpleJWT's settings of the same names. */
export interface LegacyConfig {
  /** `ALGORITHM` */
  readonly alg: "HS256" | "RS256" | "ES256";
  /** `USER_ID_CLAIM` */
  readonly userIdClaim: string;
  /** `ISSUER` and `AUDIENCE`; `null` where Django sets none. */
  readonly issuer: string | null;
  readonly audience: string | null;
  /** Claims of Postern's by pointers into the old token. */
  readonly claims: Readonly<Record<string, JsonPointer>>;
  /** Django's `/api/token/verify/`, asked once for each old refresh token: its blacklist counts. */
  readonly verifyUrl: string | null;
}

/** The key of the tokens from before; it verifies and never signs. */
export interface LegacyKey {
  readonly alg: LegacyConfig["alg"];
  readonly verifyKey: CryptoKey;
}

const MIN_SECRET_BYTES = 32;

const IMPORT_PARAMS = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
} as const;

/**
 * Imports `POSTERN_LEGACY_KEY`: for HS256 the text of Django's `SIGNING_KEY`
 * (its `SECRET_KEY`, if not set), else the public key in PEM (RFC 7468 §13).
 *
 * @throws {KeyRingError} saying what is wrong, never the key.
 */
export async function importLegacyKey(
  { alg }: LegacyConfig,
  given: string | undefined,
): Promise<LegacyKey> {
  // Files and secret managers end a line that the key does not have.
  const text = given === undefined ? undefined : withoutLineEnds(given);
  if (text === undefined || text === "") {
    throw new KeyRingError([
      `POSTERN_LEGACY_KEY: is required with tokens.legacy; put ${
        alg === "HS256" ? "Django's SIGNING_KEY (or SECRET_KEY)" : "Django's VERIFYING_KEY (PEM)"
      } there`,
    ]);
  }
  if (alg === "HS256") {
    if (/^".*"$|^'.*'$/s.test(text)) {
      throw new KeyRingError([
        "POSTERN_LEGACY_KEY: stands in quotes, and they would be part of the key; remove them",
      ]);
    }
    const secret = new TextEncoder().encode(text);
    if (secret.length < MIN_SECRET_BYTES) {
      throw new KeyRingError([
        `POSTERN_LEGACY_KEY: the secret has ${secret.length} bytes and HS256 needs at least ` +
        `${MIN_SECRET_BYTES}; tokens signed with it can be forged, so let people sign in anew`,
      ]);
    }
    if (isMonotonous(secret)) {
      throw new KeyRingError([
        "POSTERN_LEGACY_KEY: repeats one or two bytes and can be guessed; let people sign in anew",
      ]);
    }
    const hmac = { name: "HMAC", hash: "SHA-256" };
    return {
      alg,
      verifyKey: await crypto.subtle.importKey("raw", secret, hmac, false, ["verify"]),
    };
  }
  try {
    const pem = text.replaceAll("\\n", "\n");
    const base64 = /-----BEGIN PUBLIC KEY-----([\s\S]+?)-----END PUBLIC KEY-----/.exec(pem)?.[1];
    const der = Uint8Array.from(
      atob((base64 ?? "!").replaceAll(/\s/g, "")),
      (char) => char.charCodeAt(0),
    );
    const params = IMPORT_PARAMS[alg];
    return {
      alg,
      verifyKey: await crypto.subtle.importKey("spki", der, params, false, ["verify"]),
    };
  } catch {
    throw new KeyRingError([
      `POSTERN_LEGACY_KEY: is not a public ${alg} key in PEM ("-----BEGIN PUBLIC KEY-----")`,
    ]);
  }
}

/** Reads the claims of an old token whose signature is good; its expiry is looked at elsewhere. */
export type CheckLegacyClaims = (
  payload: Readonly<Record<string, JsonValue>>,
  expected: TokenType,
  nowMs: number,
) => Promise<VerifiedToken | TokenFailure>;

/** Settings that bound the life of old tokens. */
export interface LegacyRules {
  readonly clockToleranceSeconds: number;
  readonly accessTtlSeconds: number;
  readonly refreshTtlSeconds: number;
  readonly sessionMaxAgeSeconds: number;
}

/** Prepares {@link CheckLegacyClaims}. `otherSources` are those whose subjects are `name|…`. */
export function createLegacyCheck(
  config: LegacyConfig,
  rules: LegacyRules,
  otherSources: readonly string[],
): CheckLegacyClaims {
  const isOfOthers = createIsOfOthers(otherSources);
  // How long Django let its tokens live is not known here; revocations have to outlive them.
  const longestSeconds = {
    access: Math.max(rules.accessTtlSeconds, rules.refreshTtlSeconds),
    refresh: rules.sessionMaxAgeSeconds,
  };
  const readClaims = compileClaims(config.claims);

  return async function checkLegacyClaims(payload, expected, nowMs) {
    const { jti, iat, exp, nbf, token_type: type, iss, aud } = payload;
    if (type !== expected) return "wrong_type";
    if (config.issuer !== null && iss !== config.issuer) return "bad_claims";
    if (config.audience !== null && aud !== config.audience) return "bad_claims";
    const subject = toSubject(payload[config.userIdClaim]);
    if (subject === null || isOfOthers(subject)) return "bad_claims";
    if (typeof jti !== "string" || jti === "") return "bad_claims";
    if (!isTime(iat) || !isTime(exp)) return "bad_claims";
    const latestSeconds = nowMs / 1000 + rules.clockToleranceSeconds;
    if (iat > latestSeconds) return "not_yet_valid";
    if (nbf !== undefined && (!isTime(nbf) || nbf > latestSeconds)) return "not_yet_valid";
    const claims = readClaims(payload);
    const { scope } = claims;
    const sessionCreatedAtMs = Math.floor(iat) * 1000;
    return {
      type: expected,
      isLegacy: true,
      subject,
      actor: "user",
      client: null,
      sid: await sessionOf(jti, sessionCreatedAtMs),
      jti,
      issuedAtSeconds: iat,
      expiresAtSeconds: Math.min(exp, iat + longestSeconds[expected]),
      exp,
      sessionCreatedAtMs,
      groups: [],
      bound: null,
      scope: typeof scope === "string" ? scope : "",
      claims,
    };
  };
}

/** A UUIDv7 (RFC 9562 §5.7) with the token's birth in its head and the token's `jti` in its tail. */
async function sessionOf(jti: string, bornAtMs: number): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`legacy\n${jti}`));
  const tail = new Uint8Array(digest).toHex();
  const head = bornAtMs.toString(16).padStart(12, "0");
  return [
    head.slice(0, 8),
    head.slice(8, 12),
    `7${tail.slice(0, 3)}`,
    `a${tail.slice(3, 6)}`,
    tail.slice(6, 18),
  ].join("-");
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

/** Files, `echo` and secret managers put line ends behind a secret that are no part of it. */
function withoutLineEnds(secret: string): string {
  let end = secret.length;
  while (end > 0 && (secret[end - 1] === "\n" || secret[end - 1] === "\r")) end--;
  return secret.slice(0, end);
}
