/**
 * Who is calling: reads the credential of a request, verifies it, and holds it
 * against the revocation view.
 *
 * @module
 */
import type { WaitUntil } from "../base/background.ts";
import type { CookieJar, GatewayCookies } from "../browser/cookies.ts";
import type { HeaderReader } from "../proxy/incoming_headers.ts";
import type { RevocationView } from "../sessions/revocation_view.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import type { ProblemCode } from "./problem.ts";

/** The one credential of a request. */
export type Credential =
  | { readonly kind: "none"; readonly cookies: GatewayCookies }
  | { readonly kind: "bearer"; readonly token: string; readonly cookies: GatewayCookies }
  | { readonly kind: "cookie"; readonly token: string; readonly cookies: GatewayCookies }
  | {
    readonly kind: "refused";
    readonly code: "ambiguous_credentials" | "invalid_request";
    readonly cookies: GatewayCookies;
  };

/** RFC 6750 §2.1: scheme (case-insensitive, RFC 9110 §11.1), spaces, one b64token. */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * Reads the credential. Never a query parameter; an `Authorization` of another
 * scheme is not ours and is left alone.
 */
export function readCredential(headers: HeaderReader, jar: CookieJar): Credential {
  const cookies = jar.read(headers.get("cookie"));
  const authorization = headers.get("authorization");
  if (cookies.conflicting) return { kind: "refused", code: "ambiguous_credentials", cookies };
  if (authorization === null || !/^bearer(?:[\s,]|$)/i.test(authorization)) {
    return cookies.access === null
      ? { kind: "none", cookies }
      : { kind: "cookie", token: cookies.access, cookies };
  }
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) return { kind: "refused", code: "invalid_request", cookies };
  if (cookies.access !== null && cookies.access !== token) {
    return { kind: "refused", code: "ambiguous_credentials", cookies };
  }
  return { kind: "bearer", token, cookies };
}

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
