/**
 * How a proxy tells which request it asks about. Each dialect has a path of its
 * own and reads one family of headers; every other family is the client's own
 * words, whatever they say (GHSA-7x63-xv5r-3p2x: a proxy that looked for whichever
 * header was there could be talked into another path).
 *
 * @module
 */
import type { HeaderReader } from "../../http/headers.ts";

/** Traefik, Caddy and HAProxy; nginx and ingress-nginx; Envoy. */
export type Dialect = "forward-auth" | "auth-request" | "ext-authz";

/** The request that is asked about, as the proxy tells it; nothing of it has been checked. */
export interface Original {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
}

/** Why nobody can say which request is meant. */
export interface Untold {
  readonly problem: string;
}

/** What a dialect reads. */
export interface Question {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderReader;
  /** Path of the dialect's endpoint, without a trailing slash. */
  readonly endpoint: string;
  /** Of the public origin. */
  readonly scheme: "http" | "https";
}

/** Reads the request that a question is about. */
export function readOriginal(dialect: Dialect, question: Question): Original | Untold {
  switch (dialect) {
    case "forward-auth":
      return readForwarded(question);
    case "auth-request":
      return readXOriginal(question);
    case "ext-authz":
      return readRequestLine(question);
  }
}

/** `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`; all of them, each once. */
function readForwarded({ headers, scheme }: Question): Original | Untold {
  const method = headers.get("x-forwarded-method");
  const proto = headers.get("x-forwarded-proto");
  const host = headers.get("x-forwarded-host");
  const uri = headers.get("x-forwarded-uri");
  if (method === null) return missing("X-Forwarded-Method");
  if (proto === null) return missing("X-Forwarded-Proto");
  if (host === null) return missing("X-Forwarded-Host");
  if (uri === null) return missing("X-Forwarded-Uri");
  if (!isScheme(proto, scheme)) return wrongScheme("X-Forwarded-Proto", scheme);
  if (!isAuthority(host)) return unreadable("X-Forwarded-Host");
  if (!isOriginForm(uri)) return unreadable("X-Forwarded-Uri");
  return { method, url: `${scheme}://${host}${uri}` };
}

/** `X-Original-Method` and an absolute `X-Original-URL`. */
function readXOriginal({ headers, scheme }: Question): Original | Untold {
  const method = headers.get("x-original-method");
  const url = headers.get("x-original-url");
  if (method === null) return missing("X-Original-Method");
  if (url === null) return missing("X-Original-URL");
  const end = url.indexOf("://");
  if (end < 0) return unreadable("X-Original-URL");
  if (!isScheme(url.slice(0, end), scheme)) return wrongScheme("X-Original-URL", scheme);
  const rest = url.slice(end + 3);
  const slash = rest.indexOf("/");
  if (slash < 0) return unreadable("X-Original-URL");
  const [host, uri] = [rest.slice(0, slash), rest.slice(slash)];
  if (!isAuthority(host) || !isOriginForm(uri)) return unreadable("X-Original-URL");
  return { method, url: `${scheme}://${host}${uri}` };
}

/** The request itself: its method, its `Host`, and what follows the endpoint in its path. */
function readRequestLine({ method, url, headers, endpoint, scheme }: Question): Original | Untold {
  const host = headers.get("host") ?? authorityOf(url);
  if (!isAuthority(host)) return unreadable("Host");
  const target = url.slice(url.indexOf("/", url.indexOf("//") + 2));
  const uri = target.slice(endpoint.length);
  if (!target.startsWith(`${endpoint}/`)) return unreadable("path");
  return { method, url: `${scheme}://${host}${uri}` };
}

function authorityOf(url: string): string {
  const start = url.indexOf("//") + 2;
  const end = url.indexOf("/", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}

/** Some proxies name WebSockets by their own scheme. A request in clear is not one for us. */
function isScheme(text: string, scheme: "http" | "https"): boolean {
  return text === scheme || text === (scheme === "https" ? "wss" : "ws");
}

/**
 * Whether a text is an authority and nothing more; what it names is read
 * elsewhere. Two headers of one name arrive as one with a comma.
 */
function isAuthority(text: string): boolean {
  return text !== "" && !/[\s,/?#@\\]/.test(text);
}

/** RFC 9112 §3.2.1. White space is where two headers of one name were joined. */
function isOriginForm(text: string): boolean {
  return text.startsWith("/") && !/\s/.test(text);
}

function missing(name: string): Untold {
  return { problem: `${name} is missing; the proxy must be told to send it.` };
}

function unreadable(name: string): Untold {
  return { problem: `${name} can not be read, or came twice.` };
}

function wrongScheme(name: string, scheme: string): Untold {
  return { problem: `${name} must say ${scheme}, as the public origin does.` };
}
