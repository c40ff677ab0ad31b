/**
 * Who is calling: reads the credential of a request, verifies it, and holds it
 * against the revocation view.
 *
 * @module
 */
import type { WaitUntil } from "../base/background.ts";
import type { ProblemCode } from "../http/problem.ts";
import type { RevocationView } from "../sessions/revocation_view.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";

/** A token that stands, or the code of the refusal. */
export type Authentication =
  | VerifiedToken
  | Extract<
    ProblemCode,
    "token_invalid" | "token_expired" | "session_revoked" | "store_unavailable"
  >;

/** Verifies an access token and holds it against the view. */
export type Authenticate = (
  token: string,
  waitUntil: WaitUntil,
) => Authentication | Promise<Authentication>;

/**
 * Prepares authentication. A token seen before, with a fresh view, is decided
 * without a promise.
 */
export function createAuthenticate(options: {
  readonly verifier: TokenVerifier;
  readonly view: RevocationView;
}): Authenticate {
  const { verifier, view } = options;

  function standing(token: VerifiedToken, fresh: boolean): Authentication {
    if (!fresh) return "store_unavailable";
    return view.isRevoked(token) ? "session_revoked" : token;
  }

  async function slowly(
    verifying: ReturnType<TokenVerifier["verify"]>,
    waitUntil: WaitUntil,
  ): Promise<Authentication> {
    const verified = await verifying;
    if (typeof verified === "string") {
      return verified === "expired" ? "token_expired" : "token_invalid";
    }
    return standing(verified, await view.ensureFresh(waitUntil));
  }

  return function authenticate(token, waitUntil) {
    const verified = verifier.verify(token, "access");
    if (!(verified instanceof Promise) && typeof verified !== "string") {
      const fresh = view.ensureFresh(waitUntil);
      if (fresh === true) return standing(verified, true);
    }
    return slowly(verified, waitUntil);
  };
}
