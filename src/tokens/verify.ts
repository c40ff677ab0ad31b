/**
 * Verifies access and refresh tokens, once each: a token that was good is
 * remembered until it expires, so the hot path does no cryptography.
 *
 * @module
 */
import { verify as verifyJwt } from "hono/jwt";
import QuickLRU from "quick-lru";
import type { Clock } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import { decodeBase64url, isCanonicalBase64url } from "./base64url.ts";
import { checkClaims, hasExpired, MAX_TOKEN_LENGTH } from "./claims.ts";
import type { ClaimRules, TokenFailure, TokenType, VerifiedToken } from "./claims.ts";
import { createGroupNames } from "./groups.ts";
import type { KeyRing, RingKey } from "./key_ring.ts";
import type { CheckLegacyClaims, LegacyKey } from "./legacy.ts";
import { TYP } from "./sign.ts";

const ANY_TYP = ["JWT", ...Object.values(TYP)];

/** Verifies tokens of one key ring. */
export interface TokenVerifier {
  /**
   * Checks signature, times, issuer, audience and type. A token seen before is
   * answered at once, from memory; only its `exp` is looked at again.
   * Revocation is not looked at here (`sessions/revocation_view.ts`).
   */
  verify(
    token: string,
    expected: TokenType,
  ): VerifiedToken | TokenFailure | Promise<VerifiedToken | TokenFailure>;
  /**
   * The same, for a token that may have expired: who is signing out, or which
   * session a CSRF token must belong to. Never use it to let somebody in.
   */
  identify(token: string, expected: TokenType): Promise<VerifiedToken | TokenFailure>;
}

/**
 * Prepares verification. `cacheSize` bounds the number of remembered tokens.
 * The cache lives and dies with the key ring, so a removed key takes its
 * tokens along.
 */
export function createTokenVerifier(options: {
  readonly keys: KeyRing;
  readonly rules: ClaimRules;
  readonly clock: Clock;
  readonly cacheSize?: number;
  /** For tokens from before Postern. */
  readonly legacy?: { readonly key: LegacyKey; readonly check: CheckLegacyClaims };
}): TokenVerifier {
  const { keys, rules, clock, legacy } = options;
  const nameGroup = createGroupNames(rules.issuer);
  const verified = new QuickLRU<string, VerifiedToken>({ maxSize: options.cacheSize ?? 20_000 });
  // All tokens of one kind and key have the same header, so it is decoded once.
  const keyByHeader = new QuickLRU<string, RingKey>({ maxSize: 64 });

  function keyFor(header: string): RingKey | LegacyKey | TokenFailure {
    const known = keyByHeader.get(header);
    if (known !== undefined) return known;
    const parsed = decodePart(header);
    if (typeof parsed !== "object" || parsed === null) return "malformed";
    const { kid, alg } = parsed as { kid?: unknown; alg?: unknown };
    // Ours always have a `kid`, SimpleJWT's never.
    if (kid === undefined && legacy !== undefined && alg === legacy.key.alg) return legacy.key;
    const key = typeof kid === "string" ? keys.byKid.get(kid) : undefined;
    // The algorithm is the key's, never the token's (RFC 8725 §3.1).
    if (key === undefined || alg !== key.alg) return "unknown_key";
    keyByHeader.set(header, key);
    return key;
  }

  async function identify(
    token: string,
    expected: TokenType,
  ): Promise<VerifiedToken | TokenFailure> {
    if (token.length > MAX_TOKEN_LENGTH) return "malformed";
    const parts = token.split(".", 4);
    const [header] = parts;
    // Up to sixteen texts would stand for one signature, if its unused bits were free.
    if (header === undefined || parts.length !== 3 || !parts.every(isPart)) return "malformed";
    const key = keyFor(header);
    if (typeof key === "string") return key;
    let payload: unknown;
    try {
      payload = await verifyJwt(token, key.verifyKey, {
        alg: key.alg,
        // hono/jwt does not require `exp` and knows no tolerance: see claims.ts.
        exp: false,
        iat: false,
        nbf: false,
        // Which of them it has to be is asked once the signature is known to be good.
        typ: ANY_TYP,
      });
    } catch {
      return "bad_signature";
    }
    if (typeof payload !== "object" || payload === null) return "bad_claims";
    // Tokens from before kinds had a `typ` say "JWT".
    const { typ } = decodePart(header) as { readonly typ: string };
    const kind = typ.toLowerCase().replace(/^application\//, "");
    if (kind !== "jwt" && kind !== TYP[expected].toLowerCase()) return "wrong_type";
    const result = legacy !== undefined && key === legacy.key
      ? await legacy.check(payload as Readonly<Record<string, JsonValue>>, expected, clock())
      : checkClaims(payload, expected, rules, clock());
    if (typeof result === "string" || result.groups.length > 0) return result;
    // A refresh token, or one that is older than groups: its subject's at least is known.
    return { ...result, groups: [await nameGroup("subject", result.subject)] };
  }

  async function verifyNew(
    token: string,
    expected: TokenType,
  ): Promise<VerifiedToken | TokenFailure> {
    const result = await identify(token, expected);
    if (typeof result === "string") return result;
    if (hasExpired(result.expiresAtSeconds, rules, clock())) return "expired";
    verified.set(token, result);
    return result;
  }

  return {
    identify,
    verify(token, expected) {
      const known = verified.get(token);
      if (known === undefined) return verifyNew(token, expected);
      if (known.type !== expected) return "wrong_type";
      if (hasExpired(known.expiresAtSeconds, rules, clock())) {
        verified.delete(token);
        return "expired";
      }
      return known;
    },
  };
}

function isPart(part: string): boolean {
  return part !== "" && isCanonicalBase64url(part);
}

/** The JSON of a part, or `undefined`. */
function decodePart(part: string): unknown {
  try {
    const bytes = decodeBase64url(part);
    return bytes === null ? undefined : JSON.parse(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
