/**
 * The `Authorization` header (RFC 9110 §11.6.2) with a token in it.
 *
 * @module
 */

/** What stands in a header. */
export type ReadAuthorization =
  /** Another scheme, or nothing: none of ours. */
  | { readonly kind: "other" }
  | { readonly kind: "malformed" }
  | { readonly kind: "token"; readonly token: string; readonly scheme: TokenScheme };

/** How a token is shown: by itself, or beside a proof of its key (RFC 9449 §7.1). */
export type TokenScheme = "bearer" | "dpop";

/** The schemes that carry our tokens. */
export interface TokenSchemes {
  /** RFC 6750 §2.1: scheme (case-insensitive, RFC 9110 §11.1), spaces, one b64token. */
  read(authorization: string | null): ReadAuthorization;
  /** Whether one of them stands in a value, alone or in a list that something joined. */
  mentionedIn(authorization: string): boolean;
}

/** A b64token; the padding is no part of the class before it, so nothing is gone over twice. */
const B64TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

const OTHER: ReadAuthorization = { kind: "other" };
const MALFORMED: ReadAuthorization = { kind: "malformed" };

/** Prepares the schemes; `Bearer` is always one of them. */
export function createTokenSchemes(names: readonly string[]): TokenSchemes {
  const schemes = new Set(["bearer", ...names.map((name) => name.toLowerCase())]);
  return {
    read(authorization) {
      if (authorization === null) return OTHER;
      const end = schemeEnd(authorization, 0);
      const name = authorization.slice(0, end).toLowerCase();
      if (!schemes.has(name)) return OTHER;
      let start = end;
      while (authorization.charCodeAt(start) === 0x20) start++;
      const token = authorization.slice(start);
      return start > end && B64TOKEN.test(token)
        ? { kind: "token", token, scheme: name === "dpop" ? name : "bearer" }
        : MALFORMED;
    },
    mentionedIn(authorization) {
      for (let start = 0; start <= authorization.length;) {
        const end = schemeEnd(authorization, start);
        if (schemes.has(authorization.slice(start, end).toLowerCase())) return true;
        start = end + 1;
      }
      return false;
    },
  };
}

/** Where a word ends: at white space, a comma, or the end. */
function schemeEnd(text: string, start: number): number {
  let end = start;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code <= 0x20 || code === 0x2c) break;
  }
  return end;
}
