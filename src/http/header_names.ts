/**
 * Names of headers, by what they belong to.
 *
 * @module
 */

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
export const FORWARDING = [
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "forwarded",
  "x-request-id",
  "traceparent",
];

/** The identity headers that every upstream gets. */
export const IDENTITY = [
  "x-auth-subject",
  "x-auth-session",
  "x-auth-scope",
  "x-auth-actor",
  "x-auth-client",
  "x-auth-assertion",
];

/** Written by the HTTP client for the connection to the upstream. */
export const CONNECTION_BOUND = ["host", "expect", "content-length"];

/** The same name to a backend that folds case, `-`, `_` and `.` together (CGI, WSGI, PHP). */
export function foldHeaderName(name: string): string {
  return name.toLowerCase().replace(/[_.]/g, "-");
}
