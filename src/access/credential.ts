/**
 * The one credential of a request.
 *
 * @module
 */
import type { CookieJar, GatewayCookies } from "../browser/cookies.ts";
import type { TokenScheme, TokenSchemes } from "../http/authorization.ts";
import type { HeaderReader } from "../http/headers.ts";

/** The one credential of a request. */
export type Credential =
  | { readonly kind: "none"; readonly cookies: GatewayCookies }
  | {
    readonly kind: "bearer";
    readonly token: string;
    readonly scheme: TokenScheme;
    readonly cookies: GatewayCookies;
  }
  | { readonly kind: "cookie"; readonly token: string; readonly cookies: GatewayCookies }
  | {
    readonly kind: "refused";
    readonly code: "ambiguous_credentials" | "invalid_request";
    readonly cookies: GatewayCookies;
  };

/** Reads the credential of a request. */
export type ReadCredential = (headers: HeaderReader) => Credential;

/**
 * Prepares {@link ReadCredential}. Never a query parameter; an `Authorization` of
 * another scheme is not ours and is left alone.
 */
export function createReadCredential(
  { jar, schemes }: { readonly jar: CookieJar; readonly schemes: TokenSchemes },
): ReadCredential {
  return function readCredential(headers) {
    const cookies = jar.read(headers.get("cookie"));
    if (cookies.conflicting) return { kind: "refused", code: "ambiguous_credentials", cookies };
    const authorization = schemes.read(headers.get("authorization"));
    switch (authorization.kind) {
      case "malformed":
        return { kind: "refused", code: "invalid_request", cookies };
      case "other":
        return cookies.access === null
          ? { kind: "none", cookies }
          : { kind: "cookie", token: cookies.access, cookies };
      case "token": {
        const { token, scheme } = authorization;
        return cookies.access !== null && cookies.access !== token
          ? { kind: "refused", code: "ambiguous_credentials", cookies }
          : { kind: "bearer", token, scheme, cookies };
      }
    }
  };
}
