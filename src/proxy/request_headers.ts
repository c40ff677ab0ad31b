/**
 * The headers that go to an upstream, made in one pass over the headers that
 * came in: hop-by-hop headers, credentials and everything that could be taken
 * for one of ours are left out, and ours are put in.
 *
 * @module
 */
import QuickLRU from "quick-lru";
import type { JsonValue } from "../base/json.ts";
import type { VerifiedToken } from "../tokens/claims.ts";

/** RFC 9110 §7.6.1, and `Proxy-Connection`, which some clients still send. */
export const HOP_BY_HOP: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** What Postern adds to `Via`, both ways (RFC 9110 §7.6.3). */
export const VIA = "1.1 postern";

/** Always written by Postern, whatever came in. */
const FORWARDING = [
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "forwarded",
  "x-request-id",
  "traceparent",
  "via",
];

/** The identity headers that every upstream gets. */
const IDENTITY = ["x-auth-subject", "x-auth-session", "x-auth-scope", "x-auth-assertion"];

/** Written by the HTTP client for the connection to the upstream. */
const CONNECTION_BOUND = ["host", "expect", "content-length"];

/** The same name to a backend that folds case, `-`, `_` and `.` together (CGI, WSGI, PHP). */
export function foldHeaderName(name: string): string {
  return name.toLowerCase().replace(/[_.]/g, "-");
}

/** Decides by name whether an incoming header stays behind. */
export type HeaderFilter = (name: string) => boolean;

/** Prepares the filter. `identityHeaders` are the further names that carry identity. */
export function createRequestHeaderFilter(identityHeaders: Iterable<string>): HeaderFilter {
  const dropped = new Set(
    [...HOP_BY_HOP, ...FORWARDING, ...IDENTITY, ...CONNECTION_BOUND, ...identityHeaders]
      .map(foldHeaderName),
  );
  // Clients use few names: folding each of them once is enough.
  const known = new QuickLRU<string, boolean>({ maxSize: 500 });
  return function staysBehind(name) {
    const remembered = known.get(name);
    if (remembered !== undefined) return remembered;
    const decision = dropped.has(foldHeaderName(name));
    known.set(name, decision);
    return decision;
  };
}

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
): (token: VerifiedToken) => readonly (readonly [string, string])[] {
  const made = new WeakMap<VerifiedToken, readonly (readonly [string, string])[]>();
  return function identityHeadersOf(token) {
    const known = made.get(token);
    if (known !== undefined) return known;
    const headers: [string, string][] = [
      ["x-auth-subject", headerValue(token.subject)],
      ["x-auth-session", token.sid],
      ["x-auth-scope", headerValue(token.scope)],
    ];
    for (const [name, claim] of Object.entries(mapped)) {
      const value = Object.hasOwn(token.claims, claim) ? token.claims[claim] : undefined;
      if (value !== undefined) headers.push([name.toLowerCase(), headerValue(value)]);
    }
    made.set(token, headers);
    return headers;
  };
}
