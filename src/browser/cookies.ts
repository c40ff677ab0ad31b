/**
 * The gateway's cookies (RFC 6265bis): set, read, stripped and cleared in one place,
 * so that they are always cleared with every attribute they were set with.
 *
 * @module
 */
import { serialize } from "hono/utils/cookie";
import { ClaimsTooLargeError } from "../base/errors.ts";
import { trimOws } from "../base/ows.ts";
import type { TokenPair } from "../tokens/mint.ts";

/** As long as browsers keep a cookie at most (RFC 6265bis §5.5). */
const DEVICE_SECONDS = 400 * 86_400;

/** Browsers refuse a cookie whose name and value together are longer (RFC 6265bis §5.7). */
const MAX_COOKIE_BYTES = 4096;

/** What a `Cookie` header holds of ours. */
export interface GatewayCookies {
  readonly access: string | null;
  readonly refresh: string | null;
  readonly csrf: string | null;
  /** Says who has signed in here before; no credential. */
  readonly device: string | null;
  /** A session cookie came twice with different values: somebody is tossing cookies. */
  readonly conflicting: boolean;
}

/** What is read where none of ours is. */
export const NO_GATEWAY_COOKIES: GatewayCookies = {
  access: null,
  refresh: null,
  csrf: null,
  device: null,
  conflicting: false,
};

/** The gateway's cookies for one origin. */
export interface CookieJar {
  /** Reads our cookies out of a `Cookie` header. */
  read(header: string | null): GatewayCookies;
  /** A `Cookie` header without ours, or `null` when nothing else is in it. */
  strip(header: string): string | null;
  /**
   * `Set-Cookie` values of a fresh pair. `isRenewed`: the browser renews the access cookie
   * by itself when it has gone, so it goes with its token.
   *
   * @throws {ClaimsTooLargeError} before anything is set.
   */
  issue(
    pair: Omit<TokenPair, "refreshJti">,
    csrfToken: string,
    nowMs: number,
    isRenewed: boolean,
  ): string[];
  /** The `Set-Cookie` value of an access token that goes with it, by when it ends. */
  issueAccess(access: string, endsAtSeconds: number, nowMs: number): string;
  /** The `Set-Cookie` value that deletes the access cookie alone. */
  clearAccess(): string;
  /** Name and attributes of the access cookie, as Device Bound Session Credentials name one. */
  readonly accessCredential: { readonly name: string; readonly attributes: string };
  /** The `Set-Cookie` value by which a browser is known again that is handed over. */
  issueHandover(value: string): string;
  clearHandover(): string;
  /** The value of {@link CookieJar.issueHandover}, or `null`. */
  readHandover(header: string | null): string | null;
  /** The `Set-Cookie` value that remembers a device; signing out leaves it alone. */
  issueDevice(value: string): string;
  /**
   * `Set-Cookie` values that delete the three cookies of a session, with the attributes
   * they were set with.
   */
  clear(): string[];
}

const BARE_NAMES = ["postern-access", "postern-refresh", "postern-csrf", "postern-device"] as const;

/** Beginnings of the names that a sign-in at a provider uses; they are read where it is done. */
const PROVIDER_NAMES = ["postern-flow-", "postern-provider", "postern-handover"] as const;

/** A hand-over from the host of sign-in takes no longer, signing in there included. */
const HANDOVER_SECONDS = 3_600;

const OWN_NAMES: readonly string[] = [...BARE_NAMES, ...PROVIDER_NAMES];

/** All our names have this in them; a header without it needs no parsing. */
const MARK = "postern-";

/**
 * Whether one of our names stands in a text, in any case and with anything around
 * it: with a prefix or without, after white space that only some take for such, in
 * another cookie's value, behind a comma that joined two lines. What is not exactly
 * one of our cookies is nobody's credential, and no upstream gets to see it.
 */
function mentionsUs(text: string): boolean {
  const folded = text.toLowerCase();
  return folded.includes(MARK) && OWN_NAMES.some((name) => folded.includes(name));
}

/**
 * Whether a `Set-Cookie` value of an upstream names one of our cookies. A
 * nameless cookie (`=__Host-postern-access=x`) is sent back by some browsers
 * as if it had the name, and one whose value mentions ours would only be
 * stripped on its way back, so they count too.
 */
export function setsOwnCookie(setCookie: string): boolean {
  const end = setCookie.indexOf(";");
  return mentionsUs(end < 0 ? setCookie : setCookie.slice(0, end));
}

/**
 * Prepares the cookies. `secure` is whether the public origin is https: there
 * the names carry the `__Host-` prefix (RFC 6265bis §4.1.3.2); `http://localhost`
 * has neither the prefix nor `Secure`.
 */
export function createCookieJar(options: { readonly secure: boolean }): CookieJar {
  const { secure } = options;
  const prefix = secure ? "__Host-" : "";
  const [accessName, refreshName, csrfName, deviceName] = BARE_NAMES.map((name) =>
    prefix + name
  ) as [string, string, string, string];
  const handoverName = `${prefix}postern-handover`;
  const names: ReadonlySet<string> = new Set([accessName, refreshName, csrfName, deviceName]);

  function setCookie(name: string, value: string, httpOnly: boolean, maxAge: number): string {
    if (name.length + value.length > MAX_COOKIE_BYTES) {
      throw new ClaimsTooLargeError(
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
      const found = new Map<string, string>();
      let conflicting = false;
      for (const part of header.split(";")) {
        const equals = part.indexOf("=");
        if (equals < 0) continue;
        const name = trimOws(part.slice(0, equals));
        if (!names.has(name)) continue;
        const value = trimOws(part.slice(equals + 1));
        conflicting ||= name !== deviceName && (found.get(name) ?? value) !== value;
        found.set(name, value);
      }
      if (found.size === 0) return NO_GATEWAY_COOKIES;
      const get = (name: string) => found.get(name) || null;
      return {
        access: get(accessName),
        refresh: get(refreshName),
        csrf: get(csrfName),
        device: get(deviceName),
        conflicting,
      };
    },

    strip(header) {
      const parts = header.split(";");
      const others = parts.filter((part) => !mentionsUs(part));
      if (others.length === parts.length) return header;
      const rest = trimOws(others.join(";"));
      return rest === "" ? null : rest;
    },

    issueAccess: (access, endsAtSeconds, nowMs) =>
      setCookie(accessName, access, true, lifeUntil(endsAtSeconds, nowMs)),

    clearAccess: () => setCookie(accessName, "", true, 0),

    accessCredential: {
      name: accessName,
      attributes: `Path=/; ${secure ? "Secure; " : ""}HttpOnly; SameSite=Lax`,
    },

    issue(pair, csrfToken, nowMs, isRenewed) {
      // All three last as long as the refresh token: a reopened browser still
      // has an access cookie to tell "expired" from "never signed in".
      const maxAge = lifeUntil(pair.refreshExpiresAtSeconds, nowMs);
      const accessAge = isRenewed ? lifeUntil(pair.accessExpiresAtSeconds, nowMs) : maxAge;
      return [
        setCookie(accessName, pair.access, true, accessAge),
        setCookie(refreshName, pair.refresh, true, maxAge),
        setCookie(csrfName, csrfToken, false, maxAge),
      ];
    },

    issueHandover: (value) => setCookie(handoverName, value, true, HANDOVER_SECONDS),
    clearHandover: () => setCookie(handoverName, "", true, 0),
    readHandover(header) {
      const values = (header ?? "").split(";").map((part) => part.split("=", 2))
        .filter(([name]) => trimOws(name ?? "") === handoverName)
        .map(([, value]) => trimOws(value ?? ""));
      // One that came twice was tossed by somebody.
      return values.length === 1 ? values[0] ?? null : null;
    },

    issueDevice: (value) => setCookie(deviceName, value, true, DEVICE_SECONDS),

    clear() {
      return [
        setCookie(accessName, "", true, 0),
        setCookie(refreshName, "", true, 0),
        setCookie(csrfName, "", false, 0),
      ];
    },
  };
}

/** Seconds until then, never below zero. */
function lifeUntil(endsAtSeconds: number, nowMs: number): number {
  return Math.max(0, Math.floor(endsAtSeconds - nowMs / 1000));
}
