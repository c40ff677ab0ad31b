/**
 * The one credential of a request.
 *
 * @module
 */
import type { CookieJar, GatewayCookies } from "../browser/cookies.ts";
import type { HeaderReader } from "../http/headers.ts";

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
