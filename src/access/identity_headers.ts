/**
 * Who is calling, in headers for upstreams.
 *
 * @module
 */
import type { JsonValue } from "../base/json.ts";
import type { CallerToken } from "../tokens/claims.ts";

/** The header that carries a mapped claim: `email` becomes `X-Auth-Email`. */
export function claimHeader(claim: string): string {
  const words = claim.split(/[_:-]+/).filter((word) => word !== "");
  return `X-Auth-${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("-")}`;
}

/**
 * A claim as a header value: text as it is, a list of texts separated by
 * spaces, anything else as JSON. What a header can not carry (control
 * characters, non-ASCII) and `%` are percent-encoded as UTF-8 (RFC 3986 §2.1).
 */
export function headerValue(value: JsonValue): string {
  const text = typeof value === "string"
    ? value
    : Array.isArray(value) && value.every((item) => typeof item === "string")
    ? value.join(" ")
    : JSON.stringify(value);
  return /^[\x21-\x24\x26-\x7E](?:[\x20-\x24\x26-\x7E]*[\x21-\x24\x26-\x7E])?$|^$/.test(text)
    ? text
    : text.toWellFormed().replace(/^ | $|[^\x20-\x24\x26-\x7E]/gu, encodeURIComponent);
}

/** Prepares the identity headers of an upstream; a token's are made once. */
export function createIdentityHeaders(
  mapped: Readonly<Record<string, string>>,
): (token: CallerToken) => readonly (readonly [string, string])[] {
  const made = new WeakMap<CallerToken, readonly (readonly [string, string])[]>();
  return function identityHeadersOf(token) {
    const known = made.get(token);
    if (known !== undefined) return known;
    const headers: [string, string][] = [
      ["x-auth-subject", headerValue(token.subject)],
      ["x-auth-scope", headerValue(token.scope)],
      ["x-auth-actor", token.actor],
    ];
    if (token.sid !== null) headers.push(["x-auth-session", token.sid]);
    if (token.client !== null) headers.push(["x-auth-client", headerValue(token.client)]);
    for (const [name, claim] of Object.entries(mapped)) {
      const value = Object.hasOwn(token.claims, claim) ? token.claims[claim] : undefined;
      // Nothing to say: a backend would read "null" as a value.
      if (value !== undefined && value !== null) {
        headers.push([name.toLowerCase(), headerValue(value)]);
      }
    }
    made.set(token, headers);
    return headers;
  };
}
