/**
 * Whether a token stands: verified, and not revoked by what the revocation view knows.
 *
 * @module
 */
import type { WaitUntil } from "../base/background.ts";
import type { ProblemCode } from "../http/problem.ts";
import type { RevocationView } from "../sessions/revocation_view.ts";
import type { CallerToken, VerifiedToken } from "../tokens/claims.ts";
import type { VerifiedForeign } from "../tokens/issuers/claims.ts";
import type { ForeignFailure, Issuers } from "../tokens/issuers/issuers.ts";
import type { TokenVerifier } from "../tokens/verify.ts";

/** The code of a refusal. */
export type StandingProblem = Extract<
  ProblemCode,
  | "token_invalid"
  | "token_expired"
  | "unknown_key"
  | "session_revoked"
  | "store_unavailable"
  | "issuer_unavailable"
>;

/** A token of ours that stands, or the code of the refusal. */
export type Authentication = VerifiedToken | StandingProblem;

/** Verifies an access token of ours and holds it against the view. */
export type Authenticate = (
  token: string,
  waitUntil: WaitUntil,
) => Authentication | Promise<Authentication>;

/** A token of anybody's that stands, or the code of the refusal. */
export type BearerAuthentication = VerifiedToken | VerifiedForeign | StandingProblem;

/** The same for a Bearer token, which somebody else may have signed. */
export type AuthenticateBearer = (
  token: string,
  waitUntil: WaitUntil,
) => BearerAuthentication | Promise<BearerAuthentication>;

/**
 * Prepares authentication. A token seen before, with a fresh view, is decided
 * without a promise.
 */
export function createAuthenticate(options: {
  readonly verifier: TokenVerifier;
  readonly view: RevocationView;
}): Authenticate {
  const { verifier, view } = options;

  async function slowly(
    verifying: ReturnType<TokenVerifier["verify"]>,
    waitUntil: WaitUntil,
  ): Promise<Authentication> {
    const verified = await verifying;
    if (typeof verified === "string") {
      if (verified === "expired") return "token_expired";
      // During a change of keys another instance may know it: nothing says that it is forged.
      return verified === "unknown_key" ? "unknown_key" : "token_invalid";
    }
    return standing(view, verified, await view.ensureFresh(waitUntil));
  }

  return function authenticate(token, waitUntil) {
    const verified = verifier.verify(token, "access");
    if (!(verified instanceof Promise) && typeof verified !== "string") {
      const fresh = view.ensureFresh(waitUntil);
      if (fresh === true) return standing(view, verified, true);
    }
    return slowly(verified, waitUntil);
  };
}

/** Prepares authentication by tokens of ours and of `issuers`. */
export function createAuthenticateBearer(options: {
  readonly authenticate: Authenticate;
  readonly issuers: Issuers;
  readonly view: RevocationView;
}): AuthenticateBearer {
  const { authenticate, issuers, view } = options;

  async function foreign(
    token: string,
    waitUntil: WaitUntil,
    own: StandingProblem,
  ): Promise<BearerAuthentication> {
    const verified = await issuers.verify(token, waitUntil);
    if (verified === "not_foreign") return own;
    return typeof verified === "string"
      ? inOurWords(verified)
      : standing(view, verified, await view.ensureFresh(waitUntil));
  }

  return function authenticateBearer(token, waitUntil) {
    const known = issuers.recall(token, waitUntil);
    if (known !== null) {
      const fresh = view.ensureFresh(waitUntil);
      return fresh === true
        ? standing(view, known, true)
        : fresh.then((isFresh) => standing(view, known, isFresh));
    }
    const own = authenticate(token, waitUntil);
    if (!(own instanceof Promise)) return own;
    // What no key of ours signed may be somebody else's.
    return own.then((decided) =>
      decided === "token_invalid" || decided === "unknown_key"
        ? foreign(token, waitUntil, decided)
        : decided
    );
  };
}

function standing<Token extends CallerToken>(
  view: RevocationView,
  token: Token,
  fresh: boolean,
): Token | "store_unavailable" | "session_revoked" {
  if (!fresh) return "store_unavailable";
  return view.isRevoked(token) ? "session_revoked" : token;
}

function inOurWords(failure: ForeignFailure): StandingProblem {
  switch (failure) {
    case "expired":
      return "token_expired";
    case "unavailable":
      return "issuer_unavailable";
    default:
      return "token_invalid";
  }
}
