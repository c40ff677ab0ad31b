/**
 * Names of headers, by what they belong to, and what makes two of them the same.
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
export const FORWARDING: readonly string[] = [
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "forwarded",
  "x-request-id",
  "traceparent",
];

/** The identity headers that every upstream gets. */
export const IDENTITY: readonly string[] = [
  "x-auth-subject",
  "x-auth-session",
  "x-auth-scope",
  "x-auth-actor",
  "x-auth-client",
  "x-auth-assertion",
];

/** Whatever begins with this, folded, is identity, and only Postern writes it. */
export const IDENTITY_PREFIX = "x-auth-";

/** Written for the connection to the upstream. */
export const CONNECTION_BOUND: readonly string[] = ["host", "expect", "content-length"];

/** Families of which some backend takes method, URL, scheme or client instead of the request's. */
export const OVERRIDING_PREFIXES: readonly string[] = [
  "x-forwarded-",
  "x-original-",
  "x-rewrite-",
  "x-http-method",
  "x-envoy-",
  "ssl-client-",
  "x-ssl-client-",
  "x-client-cert",
  // RFC 9440
  "client-cert",
  "x-amzn-mtls-",
  "x-appengine-",
  "x-azure-",
  "x-ms-original-",
  "x-waws-",
  "x-vercel-",
  // Next.js and Astro between their own parts: paths, among others.
  "x-middleware-",
  "x-invoke-",
  "x-matched-path",
  "x-astro-",
  // To Rack: where files are that the answer is made of (CVE-2025-61780).
  "x-sendfile",
  "x-accel-",
  "forwarded-",
  "x-forward-",
  "cf-connecting-ip",
  "cf-pseudo-ip",
];

/** Last words of such names: every CDN has a name of its own for the client's address. */
export const OVERRIDING_ENDINGS: readonly string[] = ["-ip", "-ipv6", "-clientip", "-override"];

/** Single names of the same kind: CDN and load balancer conventions, WebLogic's, PHP's, httpoxy. */
export const OVERRIDING: readonly string[] = [
  "x-forwarded",
  "x-remote-addr",
  "x-remote-host",
  "x-remote-user",
  "x-host",
  "x-scheme",
  "x-url-scheme",
  "x-override-url",
  "x-arr-ssl",
  "x-arr-clientcert",
  "remote-addr",
  "remote-user",
  "remote-host",
  "proxy",
  "wl-proxy-ssl",
  "front-end-https",
  // Of WebDAV's COPY and MOVE (RFC 4918 §10.3): a second URL, which no route has been asked about.
  "destination",
];

/** What `Connection` names belongs to this connection only (RFC 9110 §7.6.1); `null`: nothing. */
export function connectionOptions(
  headers: Iterable<readonly [string, string]>,
): ReadonlySet<string> | null {
  let bound: Set<string> | null = null;
  for (const [name, value] of headers) {
    if (name !== "connection" || value === "keep-alive" || value === "close") continue;
    bound ??= new Set();
    for (const each of value.split(",")) bound.add(each.trim().toLowerCase());
  }
  return bound;
}

/**
 * The same name to every backend: CGI and its heirs make one character of all that
 * are neither letters nor digits (lighttpd), others of `-`, `_` and `.` (WSGI, PHP),
 * and some may take several of them for one.
 */
export function foldHeaderName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

/** Letters, digits and `-`: what nginx, Envoy and Apache take for a name without being told to. */
export function isPlainHeaderName(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index) | 0x20;
    const isLetter = code >= 0x61 && code <= 0x7a;
    const isDigit = code >= 0x30 && code <= 0x39 && name.charCodeAt(index) >= 0x30;
    if (!isLetter && !isDigit && name.charCodeAt(index) !== 0x2d) return false;
  }
  return name !== "";
}

/** Whether a folded name is one that a backend may let override method, URL or client. */
export function isOverriding(folded: string): boolean {
  return OVERRIDING_SET.has(folded) ||
    OVERRIDING_PREFIXES.some((prefix) => folded.startsWith(prefix)) ||
    OVERRIDING_ENDINGS.some((ending) => folded.endsWith(ending));
}

const OVERRIDING_SET: ReadonlySet<string> = new Set(OVERRIDING);
