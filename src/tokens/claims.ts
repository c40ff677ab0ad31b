/**
 * The claims of Postern's tokens (RFC 7519 §4.1) and the checks that
 * `hono/jwt` leaves to us: `exp` is required, times are numbers and are
 * compared with a tolerance, the token's type is what was asked for.
 *
 * @module
 */
import type { JsonValue } from "../base/json.ts";
import { MAX_GROUPS } from "../base/session.ts";
import type { KeyBinding } from "../base/session.ts";

/** `token_type`, checked strictly: a refresh token is never an access token. */
export type TokenType = "access" | "refresh";

/** What the access token of a caller says, whoever signed it. */
export interface CallerToken {
  readonly subject: string;
  /** Whether a person or a program is calling. */
  readonly actor: "user" | "client";
  /** The client that the token was given to, where it names one. */
  readonly client: string | null;
  /** `null`: there is no session of ours behind it. */
  readonly sid: string | null;
  /** Names this one token to the blacklist. */
  readonly jti: string;
  readonly issuedAtSeconds: number;
  /** When it ends: its `exp`, or earlier where tokens are to live shorter today. */
  readonly expiresAtSeconds: number;
  /** `exp` as it was signed, in seconds: a revocation has to outlive it. */
  readonly exp: number;
  /** Birth of the session, or of the token where there is none: "revoked before" looks at this. */
  readonly sessionCreatedAtMs: number;
  /** Names of the groups that its session is in; its subject's is always among them. */
  readonly groups: readonly string[];
  /** The key that its holder has to prove; `null`: none. */
  readonly bound: KeyBinding | null;
  /** Space-separated scope tokens (RFC 8693 §4.2), or the empty string. */
  readonly scope: string;
  /** What requirements and header mappings look into. */
  readonly claims: Readonly<Record<string, JsonValue>>;
}

/** A token of ours that was verified, with its claims (the whole payload) at hand. */
export interface VerifiedToken extends CallerToken {
  readonly type: TokenType;
  /** Signed by what was there before Postern (`legacy.ts`). */
  readonly isLegacy: boolean;
  /** A UUIDv7, with the session's birth in its head. */
  readonly sid: string;
}

/** Whether a token of a caller is one of ours, with a session behind it. */
export function isOurs(token: CallerToken): token is VerifiedToken {
  return token.sid !== null;
}

/** Why a token is not accepted. */
export type TokenFailure =
  | "malformed"
  | "unknown_key"
  | "bad_signature"
  | "expired"
  | "not_yet_valid"
  | "bad_claims"
  | "wrong_type";

/** What the claims are held against. */
export interface ClaimRules {
  readonly issuer: string;
  readonly audience: string;
  readonly clockToleranceSeconds: number;
  /** An access token is accepted for so long after its `iat`, whatever its `exp` says. */
  readonly accessTtlSeconds: number;
}

/** A token longer than this is refused unread; browsers allow 4 KiB in a cookie. */
export const MAX_TOKEN_LENGTH = 8192;

/** The private claim that holds {@link VerifiedToken.groups} in access tokens. */
export const GROUPS_CLAIM = "grp";

/** Checks everything but the expiry of a payload whose signature is good. */
export function checkClaims(
  payload: unknown,
  expected: TokenType,
  rules: ClaimRules,
  nowMs: number,
): VerifiedToken | TokenFailure {
  if (!isRecord(payload)) return "bad_claims";
  const { iss, aud, sub, sid, jti, iat, exp, nbf, token_type, scope } = payload;
  if (token_type !== expected) return "wrong_type";
  if (iss !== rules.issuer || !hasAudience(aud, rules.audience)) return "bad_claims";
  if (!isText(sub) || !isText(sid) || !isText(jti)) return "bad_claims";
  if (!isTime(exp) || !isTime(iat)) return "bad_claims";
  const nowSeconds = nowMs / 1000;
  // A refresh token is the store's to decide on, whatever the clock says that issued it.
  if (expected === "access" && iat > nowSeconds + rules.clockToleranceSeconds) {
    return "not_yet_valid";
  }
  if (nbf !== undefined) {
    if (!isTime(nbf)) return "bad_claims";
    if (nbf > nowSeconds + rules.clockToleranceSeconds) return "not_yet_valid";
  }
  const sessionCreatedAtMs = sessionBirthMs(sid);
  if (sessionCreatedAtMs === null) return "bad_claims";
  return {
    type: expected,
    isLegacy: false,
    subject: sub,
    actor: "user",
    client: null,
    sid,
    jti,
    issuedAtSeconds: iat,
    expiresAtSeconds: expected === "access" ? Math.min(exp, iat + rules.accessTtlSeconds) : exp,
    exp,
    sessionCreatedAtMs,
    groups: groupsIn(payload),
    bound: boundIn(payload),
    scope: typeof scope === "string" ? scope : "",
    claims: payload,
  };
}

/** RFC 7519 §4.1.4: a token is dead on its `exp`, give or take the tolerance. */
export function hasExpired(
  expiresAtSeconds: number,
  rules: Pick<ClaimRules, "clockToleranceSeconds">,
  nowMs: number,
): boolean {
  return nowMs >= (expiresAtSeconds + rules.clockToleranceSeconds) * 1000;
}

/** Milliseconds in the head of a UUIDv7 (RFC 9562 §5.7), or `null` for anything else. */
export function sessionBirthMs(sid: string): number | null {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(sid)) {
    return null;
  }
  return Number.parseInt(sid.slice(0, 8) + sid.slice(9, 13), 16);
}

/** None where the token is older than groups, or does not carry them. */
function groupsIn(payload: Readonly<Record<string, JsonValue>>): readonly string[] {
  const groups = payload[GROUPS_CLAIM];
  if (!Array.isArray(groups) || groups.length > MAX_GROUPS) return [];
  return groups.every(isText) ? groups : [];
}

/** RFC 7800 §3.1, with a member of our own that says how the key is proved. */
function boundIn(payload: Readonly<Record<string, JsonValue>>): KeyBinding | null {
  const { cnf } = payload;
  if (!isRecord(cnf)) return null;
  const { jkt, by } = cnf;
  return isText(jkt) && (by === "dpop" || by === "dbsc" || by === "script") ? { jkt, by } : null;
}

function isRecord(value: unknown): value is Record<string, JsonValue> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function hasAudience(aud: unknown, expected: string): boolean {
  return aud === expected || (Array.isArray(aud) && aud.includes(expected));
}
