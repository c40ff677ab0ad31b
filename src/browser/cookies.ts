/**
 * The gateway's three cookies: set, read, stripped and cleared in one place,
 * so that they are always cleared with every attribute they were set with.
 *
 * @module
 */
import { serialize } from "hono/utils/cookie";
import type { TokenPair } from "../tokens/mint.ts";

/** Browsers refuse a cookie whose name and value together are longer (RFC 6265bis §5.7). */
const MAX_COOKIE_BYTES = 4096;

/** What a `Cookie` header holds of ours. */
export interface GatewayCookies {
  readonly access: string | null;
  readonly refresh: string | null;
  readonly csrf: string | null;
  /** One of our names came twice with different values: somebody is tossing cookies. */
  readonly conflicting: boolean;
}

/** What is read where none of ours is. */
export const NO_GATEWAY_COOKIES: GatewayCookies = {
  access: null,
  refresh: null,
  csrf: null,
  conflicting: false,
};

/** A cookie would not fit into a browser; `message` says which one and why. */
export class CookieTooLargeError extends Error {
  override readonly name = "CookieTooLargeError";
  readonly code = "claims_too_large";
}

/** The gateway's cookies for one origin. */
export interface CookieJar {
  /** Reads our cookies out of a `Cookie` header. */
  read(header: string | null): GatewayCookies;
  /** A `Cookie` header without ours, or `null` when nothing else is in it. */
  strip(header: string): string | null;
  /**
   * `Set-Cookie` values of a fresh pair.
   *
   * @throws {CookieTooLargeError} before anything is set.
   */
  issue(pair: TokenPair, csrfToken: string, nowMs: number): string[];
  /** `Set-Cookie` values that delete all three, with the attributes they were set with. */
  clear(): string[];
}

const BARE_NAMES = ["postern-access", "postern-refresh", "postern-csrf"] as const;

/** Both spellings are ours, whichever is in use, so neither ever crosses the gateway. */
const OWN_NAMES: ReadonlySet<string> = new Set(
  BARE_NAMES.flatMap((name) => [name, `__Host-${name}`]),
);

/** All our names have this in them; a header without it needs no parsing. */
const MARK = "postern-";

/**
 * One of our cookies anywhere in a piece of the header: two `Cookie` lines that
 * something joined with a comma would otherwise hide the second one's first cookie.
 */
const OWN_PAIR = /postern-(?:access|refresh|csrf)\s*=/;

/**
 * Whether a `Set-Cookie` value of an upstream names one of our cookies. A
 * nameless cookie (`=__Host-postern-access=x`) is sent back by some browsers
 * as if it had the name, so it counts too.
 */
export function setsOwnCookie(setCookie: string): boolean {
  const pair = setCookie.split(";", 1)[0] ?? "";
  const name = pair.replace(/^[\s=]+/, "").split("=", 1)[0] ?? "";
  return OWN_NAMES.has(name.trim());
}

/**
 * Prepares the cookies. `secure` is whether the public origin is https: there
 * the names carry the `__Host-` prefix (RFC 6265bis §4.1.3.2); `http://localhost`
 * has neither the prefix nor `Secure`.
 */
export function createCookieJar(options: { readonly secure: boolean }): CookieJar {
  const { secure } = options;
  const prefix = secure ? "__Host-" : "";
  const [accessName, refreshName, csrfName] = BARE_NAMES.map((name) => prefix + name) as [
    string,
    string,
    string,
  ];

  function setCookie(name: string, value: string, httpOnly: boolean, maxAge: number): string {
    if (name.length + value.length > MAX_COOKIE_BYTES) {
      throw new CookieTooLargeError(
        `the cookie ${name} would be ${name.length + value.length} bytes and browsers take ` +
          `${MAX_COOKIE_BYTES}; map fewer or shorter claims in identity.claims`,
      );
    }
    // Lax, not Strict: a link in a mail must not look signed out.
    return serialize(name, value, { path: "/", sameSite: "Lax", secure, httpOnly, maxAge });
  }

  return {
    read(header) {
      if (header === null || !header.includes(MARK)) return NO_GATEWAY_COOKIES;
      let access: string | null = null;
      let refresh: string | null = null;
      let csrf: string | null = null;
      let conflicting = false;
      for (const part of header.split(";")) {
        const equals = part.indexOf("=");
        if (equals < 0) continue;
        const name = part.slice(0, equals).trim();
        const value = part.slice(equals + 1).trim();
        if (name === accessName) {
          conflicting ||= access !== null && access !== value;
          access = value;
        } else if (name === refreshName) {
          conflicting ||= refresh !== null && refresh !== value;
          refresh = value;
        } else if (name === csrfName) {
          conflicting ||= csrf !== null && csrf !== value;
          csrf = value;
        } else if (!OWN_NAMES.has(name) && OWN_PAIR.test(part)) {
          conflicting = true;
        }
      }
      return {
        access: access === "" ? null : access,
        refresh: refresh === "" ? null : refresh,
        csrf: csrf === "" ? null : csrf,
        conflicting,
      };
    },

    strip(header) {
      if (!header.includes(MARK)) return header;
      const kept = header.split(";").filter((part) => {
        const equals = part.indexOf("=");
        return !OWN_NAMES.has((equals < 0 ? part : part.slice(0, equals)).trim()) &&
          !OWN_PAIR.test(part);
      });
      const rest = kept.join(";").trim();
      return rest === "" ? null : rest;
    },

    issue(pair, csrfToken, nowMs) {
      // All three last as long as the refresh token: a reopened browser still
      // has an access cookie to tell "expired" from "never signed in".
      const maxAge = Math.max(0, Math.floor(pair.refreshExpiresAtSeconds - nowMs / 1000));
      return [
        setCookie(accessName, pair.access, true, maxAge),
        setCookie(refreshName, pair.refresh, true, maxAge),
        setCookie(csrfName, csrfToken, false, maxAge),
      ];
    },

    clear() {
      return [
        setCookie(accessName, "", true, 0),
        setCookie(refreshName, "", true, 0),
        setCookie(csrfName, "", false, 0),
      ];
    },
  };
}
