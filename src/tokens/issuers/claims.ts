/**
 * What a token of somebody else says about its bearer, checked and put into our
 * words (RFC 7519 §4.1, RFC 9068 §2.2 and §4).
 *
 * @module
 */
import type { JsonValue, SubjectClaims } from "../../base/json.ts";
import { compilePointer } from "../../base/json_pointer.ts";
import { compileClaims, toSubject } from "../claim_map.ts";
import type { CallerToken } from "../claims.ts";
import { LONGEST_LIFE_SECONDS } from "./options.ts";
import type { IssuerOptions } from "./options.ts";

/** A token that somebody else signed, verified, with its claims at hand. */
export interface VerifiedForeign extends CallerToken {
  /** Name of the issuer in the configuration. */
  readonly source: string;
  /** `source|sub`: never equal to a subject of another source. */
  readonly subject: string;
  readonly sid: null;
  /** `source|jti`, or `source|~hash` for a token that has none. */
  readonly jti: string;
  /** `exp`, or the end of the longest life that is allowed, if that comes first. */
  readonly expiresAtSeconds: number;
  /** Mapped claims only, `scope` among them. */
  readonly claims: SubjectClaims;
  /** The issuer's own payload. */
  readonly payload: Readonly<Record<string, JsonValue>>;
}

/** Why the claims are not accepted. */
export type ClaimsFailure = "expired" | "not_yet_valid" | "bad_claims" | "wrong_type";

/** What the claims say; `jti` still without its source, and nothing revoked by yet. */
export type CheckedClaims =
  & Omit<VerifiedForeign, "jti" | "groups">
  & { readonly jti: string | null };

/** Checks the claims of a token whose signature is good. */
export type CheckClaims = (
  payload: Readonly<Record<string, JsonValue>>,
  nowMs: number,
) => CheckedClaims | ClaimsFailure;

/**
 * Prepares the check for one issuer. `provesKeys`: whether anybody here can ask for the
 * proof of a key; where not, no token is taken for a bound one.
 */
export function createClaimsCheck(
  options: IssuerOptions,
  { provesKeys }: { readonly provesKeys: boolean },
): CheckClaims {
  const { name, audience, clients, clockToleranceSeconds: tolerance } = options;
  const readSubject = compilePointer(options.subject);
  const readClaims = compileClaims(options.claims);
  const readScopes = options.scope.map((pointer) => compileClaims({ scope: pointer }));
  const fixed = Object.entries(options.claimEquals);

  function isMeantForUs(payload: Readonly<Record<string, JsonValue>>, client: string | null) {
    if (payload.iss !== options.issuer) return false;
    if (audience !== null && !audiences(payload.aud).some((aud) => audience.includes(aud))) {
      return false;
    }
    if (clients !== null && (client === null || !clients.allow.includes(client))) return false;
    return fixed.every(([claim, value]) => own(payload, claim) === value);
  }

  return function checkClaims(payload, nowMs) {
    const { iat, exp, nbf, jti } = payload;
    if (isOfAnotherKind(payload)) return "wrong_type";
    const client = clientOf(payload, options.clientClaims);
    if (client === undefined || !isMeantForUs(payload, client)) return "bad_claims";
    if (!isTime(iat) || !isTime(exp)) return "bad_claims";
    if (nbf !== undefined && !isTime(nbf)) return "bad_claims";
    const nowSeconds = nowMs / 1000;
    if (Math.max(iat, nbf ?? iat) > nowSeconds + tolerance) return "not_yet_valid";
    const expiresAtSeconds = Math.min(exp, iat + options.maxLifetimeSeconds);
    if (nowSeconds >= expiresAtSeconds + tolerance) return "expired";
    if (jti !== undefined && (typeof jti !== "string" || jti === "")) return "bad_claims";
    const named = toSubject(readSubject(payload));
    const actor = options.actor === "detect" ? detectActor(payload, client) : options.actor;
    // A machine may have no subject but itself (RFC 9068 §2.2); a person always has one.
    const within = named ?? (actor === "client" ? toSubject(client ?? undefined) : null);
    if (within === null) return "bad_claims";
    const scopes = new Set(
      readScopes.flatMap((read) => {
        const { scope } = read(payload);
        return typeof scope === "string" && scope !== "" ? scope.split(" ") : [];
      }),
    );
    const scope = [...scopes].join(" ");
    return {
      source: name,
      subject: `${name}|${within}`,
      actor,
      client,
      sid: null,
      jti: jti ?? null,
      issuedAtSeconds: iat,
      sessionCreatedAtMs: iat * 1000,
      // However the setting is changed, no token is good for longer than this.
      exp: Math.min(exp, iat + LONGEST_LIFE_SECONDS),
      bound: provesKeys ? boundIn(payload) : null,
      expiresAtSeconds,
      scope,
      claims: scope === "" ? readClaims(payload) : { ...readClaims(payload), scope },
      payload,
    };
  };
}

/**
 * Whether a token stands for a program: its subject is its client (RFC 9068
 * §2.2; Auth0 adds `@clients`), or the issuer says so (Auth0's `gty`, Entra's `idtyp`,
 * Keycloak's service accounts).
 */
function detectActor(
  payload: Readonly<Record<string, JsonValue>>,
  client: string | null,
): "user" | "client" {
  const { sub, gty, idtyp, oid, tid, scp } = payload;
  if (gty === "client-credentials" || idtyp === "app") return "client";
  // Entra without `idtyp`, which is optional there: a person's `sub` is another for each
  // application, and what a person lets an application do stands in `scp`.
  if (typeof tid === "string" && oid !== undefined && oid === sub && scp === undefined) {
    return "client";
  }
  if (client === null) return "user";
  if (isServiceAccount(payload, client)) return "client";
  return sub === undefined || sub === client || sub === `${client}@clients` ? "client" : "user";
}

/**
 * Keycloak gives a client a user of its own and says so in two ways at once: by the name of that
 * user, which nobody else can have, and by where the client is, which no person's token holds.
 */
function isServiceAccount(
  { preferred_username: user, clientHost, clientAddress, client_id, clientId }: Readonly<
    Record<string, JsonValue>
  >,
  client: string,
): boolean {
  return user === `service-account-${client.toLowerCase()}` &&
    [clientHost, clientAddress, client_id, clientId].some((each) => typeof each === "string");
}

/** The first claim that is there names the client; `undefined`: it is there and unusable. */
function clientOf(
  payload: Readonly<Record<string, JsonValue>>,
  claims: readonly string[],
): string | null | undefined {
  const claim = claims.find((each) => Object.hasOwn(payload, each));
  if (claim === undefined) return null;
  return toSubject(payload[claim]) ?? undefined;
}

function audiences(aud: JsonValue | undefined): readonly string[] {
  const list = Array.isArray(aud) ? aud : [aud];
  return list.every((each) => typeof each === "string") ? list : [];
}

function own(payload: Readonly<Record<string, JsonValue>>, claim: string): JsonValue | undefined {
  return Object.hasOwn(payload, claim) ? payload[claim] : undefined;
}

function isTime(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

/**
 * Kinds of token that many issuers give no `typ` of their own, and that are no key to
 * anything (RFC 8725 §3.12): ID tokens, which stand in the addresses of sign-outs, and
 * logout tokens. No access token can hold a hash of itself.
 */
function isOfAnotherKind(payload: Readonly<Record<string, JsonValue>>): boolean {
  const { typ, token_use: use } = payload;
  return ONLY_ELSEWHERE.some((claim) => Object.hasOwn(payload, claim)) || use === "id" ||
    (typeof typ === "string" && KINDS_OF_KEYCLOAK.has(typ.toLowerCase()));
}

/** OpenID Connect Core 1.0 §3.1.3.6 and §3.3.2.11; RFC 8417 §2.2. */
const ONLY_ELSEWHERE = ["at_hash", "c_hash", "events"] as const;
const KINDS_OF_KEYCLOAK: ReadonlySet<string> = new Set(["id", "logout", "refresh", "offline"]);

/**
 * RFC 9449 §6.1: whose key has to be proven with the token. One that is bound in another
 * way (RFC 8705 §3.1), or by nothing that can be read, nobody can prove here.
 */
function boundIn({ cnf }: Readonly<Record<string, unknown>>): CallerToken["bound"] {
  if (cnf === undefined) return null;
  const jkt = typeof cnf === "object" && cnf !== null && "jkt" in cnf ? cnf.jkt : null;
  return { jkt: typeof jkt === "string" ? jkt : "", by: "dpop" };
}
