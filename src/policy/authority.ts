/**
 * The authority of a request (RFC 9110 §7.2): which host it is for. Read once;
 * the same value is matched, logged and told to upstreams.
 *
 * @module
 */
import { remembered } from "../base/remembered.ts";
import type { RequestProblem } from "./problem.ts";

/** RFC 1035 §2.3.4, with room for brackets and a port. */
const MAX_LENGTH = 262;

/**
 * Reads an authority into its one spelling: lower case, no trailing dot, no
 * default port, IPv6 addresses compressed (RFC 5952), international names only in
 * their ASCII form (RFC 5890). Numbers that some read as an address (`0x7f.1`),
 * user information and escapes are refused.
 */
export function readAuthority(
  text: string,
  scheme: "http" | "https",
): string | RequestProblem {
  return READ[scheme](text);
}

/** All requests of a browser name the same few hosts. */
const READ = {
  http: remembered(200, (text) => readNew(text, "http")),
  https: remembered(200, (text) => readNew(text, "https")),
};

function readNew(text: string, scheme: "http" | "https"): string | RequestProblem {
  if (text === "") return problem("The request names no host.");
  if (text.length > MAX_LENGTH) return problem("The host name is too long.");
  const bracket = text.startsWith("[") ? text.indexOf("]") : -1;
  if (text.startsWith("[") && bracket < 0) return INVALID;
  const colon = text.indexOf(":", bracket + 1);
  const host = colon < 0 ? text : text.slice(0, colon);
  const port = readPort(colon < 0 ? "" : text.slice(colon + 1), scheme);
  if (port === null) return problem("The port is not a number from 1 to 65535.");
  const name = bracket < 0 ? readName(host) : readAddress(host, bracket);
  if (name === null) return INVALID;
  return port === "" ? name : `${name}:${port}`;
}

/** The host of a canonical authority, without its port. */
export function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(":");
  return colon > authority.lastIndexOf("]") ? authority.slice(0, colon) : authority;
}

/** Whether a host is meant; takes what {@link hostOf} gives. */
export type HostCheck = (host: string) => boolean;

/** Compiles `api.example.com`, or `*.example.com` for every name below it. */
export function compileHost(pattern: string): HostCheck {
  const isWildcard = pattern.startsWith("*.");
  const written = isWildcard ? pattern.slice(2) : pattern;
  const read = readAuthority(URL.parse(`http://${written}`)?.hostname ?? written, "http");
  const name = typeof read === "string" ? read : written.toLowerCase();
  if (!isWildcard) return (host) => host === name;
  const ending = `.${name}`;
  return (host) => host.length > ending.length && host.endsWith(ending);
}

/**
 * Prepares the check whether an authority is one of ours: that of an origin, or a
 * host that a route names. Anything else is misdirected (421, RFC 9110 §15.5.20).
 * Ports are not compared: what stands in front of a gateway may have its own.
 */
export function createKnownHosts(options: {
  /** `https://app.example.com` */
  readonly origins: readonly string[];
  /** `api.example.com` or `*.example.com` */
  readonly hosts: readonly string[];
}): (authority: string) => boolean {
  const exact = new Set(options.origins.map((origin) => new URL(origin).hostname));
  const patterns = options.hosts.map(compileHost);
  return function isKnown(authority) {
    const host = hostOf(authority);
    return exact.has(host) || patterns.some((matches) => matches(host));
  };
}

const INVALID = problem("The host is not a name or an address.");

function problem(text: string): RequestProblem {
  return { code: "invalid_request", problem: text };
}

/** The port without a default one; `null` when it is none. An empty port is none given. */
function readPort(text: string, scheme: "http" | "https"): string | null {
  if (text === "") return "";
  if (text.length > 5 || text.startsWith("0")) return null;
  for (let index = 0; index < text.length; index++) {
    if (!isDigit(text.charCodeAt(index))) return null;
  }
  if (Number(text) > 65_535) return null;
  return text === (scheme === "http" ? "80" : "443") ? "" : text;
}

function readName(host: string): string | null {
  const name = (host.endsWith(".") ? host.slice(0, -1) : host).toLowerCase();
  if (name === "" || name.length > 253) return null;
  let labelStart = 0;
  for (let index = 0; index <= name.length; index++) {
    const code = name.charCodeAt(index);
    if (index === name.length || code === 0x2e) {
      if (index === labelStart || index - labelStart > 63) return null;
      labelStart = index + 1;
    } else if (!isNameCode(code)) return null;
  }
  const isPlain = !isDigit(name.charCodeAt(name.lastIndexOf(".") + 1)) && !name.includes("xn--");
  // Whoever reads it as a URL must read the same: no `0x7f.1`, no broken punycode.
  return isPlain || URL.parse(`http://${name}`)?.hostname === name ? name : null;
}

function readAddress(host: string, bracket: number): string | null {
  if (bracket !== host.length - 1) return null;
  return URL.parse(`http://${host}`)?.hostname ?? null;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Letters (lower case by now), digits, `-`, and `_`, which container networks use. */
function isNameCode(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || isDigit(code) || code === 0x2d || code === 0x5f;
}
