/**
 * Who is calling: the credential, the origin rule and the CSRF token, and, where
 * a route asks for it, a renewal in passing.
 *
 * @module
 */
import type { GatewayCookies } from "../browser/cookies.ts";
import { SKIPPED_HEADER } from "../binding/dbsc.ts";
import { isNavigation } from "../browser/navigation.ts";
import { isSafeMethod, isSameOrigin } from "../browser/csrf.ts";
import type { Csrf } from "../browser/csrf.ts";
import type { Asking } from "../http/inbound.ts";
import type { Problem } from "../http/problem.ts";
import type { CallerToken } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import type { Credential } from "./credential.ts";
import type { DeviceOffers } from "./offers.ts";
import type { ProveKey } from "./prove_key.ts";
import type { Renew } from "./renew.ts";
import type { AccessRule } from "./rule.ts";
import type { Authenticate, AuthenticateBearer } from "./standing.ts";

/** Who is calling, and what rides on the answer. */
export interface Caller {
  readonly token: CallerToken;
  /** When the pair was rotated in passing. */
  readonly setCookies: readonly string[];
  /** For `DPoP-Nonce` (RFC 9449 §8.2): a newer nonce than the one that was used. */
  readonly nonce: string | null;
}

/** Why nobody is let in. */
export interface Refusal {
  readonly problem: Problem;
  /** They take away what is good for nothing any more. */
  readonly setCookies: readonly string[];
}

/** A caller, or why there is none; a promise only where something has to be waited for. */
export type Identification = Caller | Refusal | Promise<Caller | Refusal>;

/** Names the caller of a request. */
export type Identify = (
  asking: Asking,
  credential: Credential,
  rule: Pick<AccessRule, "transparent" | "cors" | "strict">,
) => Identification;

const NO_COOKIES: readonly string[] = [];

/** Prepares {@link Identify}. */
export function createIdentify(parts: {
  readonly csrf: Csrf;
  readonly verifier: TokenVerifier;
  readonly authenticate: Authenticate;
  /** For `Authorization: Bearer`; a cookie never holds a token of somebody else's. */
  readonly authenticateBearer: AuthenticateBearer;
  readonly renew: Renew;
  readonly proveKey: ProveKey;
  /** Asks browsers to bind their session; `null`: switched off. */
  readonly offers: DeviceOffers | null;
}): Identify {
  const { csrf, verifier, authenticate, authenticateBearer, renew, proveKey, offers } = parts;
  type Rule = Parameters<Identify>[2];

  /** From our own origin, or from one that the route trusts with cookies. */
  function passesOriginRule({ headers, origin }: Asking, { cors }: Rule): boolean {
    return isSameOrigin(headers, origin) || (cors?.trustsOrigin(headers) ?? false);
  }

  async function passesCsrf(asking: Asking, sid: string, cookies: GatewayCookies, rule: Rule) {
    return passesOriginRule(asking, rule) &&
      await csrf.check(sid, asking.headers.get("x-csrf-token"), cookies.csrf);
  }

  /**
   * Whether the browser would have renewed its bound session, and could not: a script of its
   * page is told to come back, not that nobody is signed in. Pages go to the sign-in page,
   * which says the same, and leads on.
   */
  function isLate(asking: Asking, cookies: GatewayCookies, code: Problem["code"]): boolean {
    return offers !== null && cookies.refresh !== null && code === "token_missing" &&
      asking.headers.get(SKIPPED_HEADER) !== null && !isNavigation(asking.method, asking.headers);
  }

  /** Whether a token out of a cookie is refused, or its browser asked to bind the session. */
  function needsMore({ bound }: CallerToken): boolean {
    return bound === null ? offers !== null : bound.by === "dpop";
  }

  /** `deciding` is under way: a new token is verified once. */
  async function byBearer(
    asking: Asking,
    credential: Extract<Credential, { readonly kind: "bearer" }>,
    deciding: ReturnType<AuthenticateBearer>,
    { strict }: Rule,
  ): Promise<Caller | Refusal> {
    const token = await deciding;
    if (typeof token === "string") return refused(token);
    const proof = await proveKey(asking, credential, token, strict);
    return proof.kind === "good"
      ? { token, setCookies: NO_COOKIES, nonce: proof.nonce }
      : { problem: proof.problem, setCookies: NO_COOKIES };
  }

  async function byCookie(
    asking: Asking,
    { cookies }: Extract<Credential, { readonly kind: "cookie" }>,
    deciding: ReturnType<Authenticate>,
    rule: Rule,
  ): Promise<Caller | Refusal> {
    const token = await deciding;
    if (typeof token === "string") return await withoutAccess(asking, cookies, token, rule);
    // No cookie is a proof: a token that needs one was put there by somebody who has none.
    if (token.bound?.by === "dpop") return refused("token_invalid");
    // A script can open a WebSocket to any site and send no header of ours along.
    const trusted = asking.upgrades
      ? passesOriginRule(asking, rule)
      : isSafeMethod(asking.method) || await passesCsrf(asking, token.sid, cookies, rule);
    if (!trusted) return refused("csrf_failed");
    if (offers !== null && token.bound === null) await offers.onSight(asking, token, cookies);
    return { token, setCookies: NO_COOKIES, nonce: null };
  }

  /** `code` says why there is no access token that counts. */
  function withoutAccess(
    asking: Asking,
    cookies: GatewayCookies,
    code: Problem["code"],
    rule: Rule,
  ): Refusal | Promise<Caller | Refusal> {
    // The answer to an upgrade can not be counted on to carry cookies.
    const refreshable = rule.transparent && !asking.upgrades &&
      (code === "token_expired" || code === "token_missing");
    if (!refreshable || cookies.refresh === null) {
      return refused(isLate(asking, cookies, code) ? "store_unavailable" : code);
    }
    return renewed(asking, cookies.refresh, cookies, rule, code);
  }

  async function renewed(
    asking: Asking,
    refreshToken: string,
    cookies: GatewayCookies,
    rule: Rule,
    code: Problem["code"],
  ): Promise<Caller | Refusal> {
    if (!isSafeMethod(asking.method)) {
      const token = await verifier.identify(refreshToken, "refresh");
      if (typeof token === "string") {
        return refused(token === "unknown_key" ? "unknown_key" : "refresh_invalid");
      }
      if (!(await passesCsrf(asking, token.sid, cookies, rule))) return refused("csrf_failed");
    }
    // A key that our script has can be proven by a script alone, and not in passing.
    const shown = await verifier.verify(refreshToken, "refresh");
    if (typeof shown !== "string" && shown.bound?.by === "script") return refused(code);
    const renewal = await renew(asking, refreshToken);
    if (renewal.kind === "refused") return renewal;
    const { signedIn, setCookies } = renewal.session;
    const token = await authenticate(signedIn.pair.access, asking.around.waitUntil);
    return typeof token === "string" ? refused(token) : { token, setCookies, nonce: null };
  }

  return function identify(asking, credential, rule) {
    // The usual cases are decided without a promise.
    switch (credential.kind) {
      case "refused":
        return refused(credential.code);
      case "none":
        return withoutAccess(asking, credential.cookies, "token_missing", rule);
      case "bearer": {
        const token = authenticateBearer(credential.token, asking.around.waitUntil);
        return isStanding(token) && token.bound === null && credential.scheme === "bearer"
          ? { token, setCookies: NO_COOKIES, nonce: null }
          : byBearer(asking, credential, token, rule);
      }
      case "cookie": {
        const token = authenticate(credential.token, asking.around.waitUntil);
        return isStanding(token) && !needsMore(token) && !asking.upgrades &&
            isSafeMethod(asking.method)
          ? { token, setCookies: NO_COOKIES, nonce: null }
          : byCookie(asking, credential, token, rule);
      }
    }
  };
}

/** Whether it is a token that stands, and not a promise of one. */
function isStanding<Token extends CallerToken>(
  decided: Token | string | Promise<unknown>,
): decided is Token {
  return typeof decided === "object" && "bound" in decided;
}

function refused(code: Problem["code"]): Refusal {
  return { problem: { code }, setCookies: NO_COOKIES };
}
