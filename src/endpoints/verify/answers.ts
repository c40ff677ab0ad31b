/**
 * Verdicts in the words of each proxy.
 *
 * @module
 */
import type { Caller } from "../../access/identify.ts";
import type { Inbound } from "../../http/inbound.ts";
import type { Dialect } from "./dialects.ts";

/** Words verdicts. */
export interface Answers {
  /**
   * 200 with every header that Postern would have written itself, empty where it has
   * nothing to say: what a proxy does not find it may leave standing as the client
   * sent it (GHSA-7r4p-vjf4-gxv4).
   */
  allowed(
    dialect: Dialect,
    inbound: Inbound,
    outgoing: Iterable<readonly [string, string]>,
    caller: Pick<Caller, "setCookies" | "nonce"> | null,
  ): Response;
  /** `inbound` is `null` where the request could not be read. */
  refused(
    dialect: Dialect,
    inbound: Inbound | null,
    said: Response,
    scheme: "http" | "https",
  ): Response;
}

/** Credentials that a proxy must not carry on; their values are what is left without ours. */
const CLEANED = ["authorization", "cookie"];

/** Prepares {@link Answers}; `identityNames` are in lower case. */
export function createAnswers(identityNames: readonly string[]): Answers {
  const names = [...new Set([...identityNames, ...CLEANED])];

  return {
    allowed(dialect, { around }, outgoing, caller) {
      const values = new Map(outgoing);
      const headers = new Headers({
        "cache-control": "no-store",
        "x-request-id": around.trace.requestId,
      });
      for (const name of names) headers.set(name, values.get(name) ?? "");
      if (typeof caller?.nonce === "string") headers.set("dpop-nonce", caller.nonce);
      addCookies(headers, dialect, caller?.setCookies ?? []);
      return new Response(null, { status: 200, headers });
    },

    refused(dialect, inbound, said, scheme) {
      const location = said.headers.get("location");
      const target = location === null || inbound === null
        ? null
        : new URL(location, `${scheme}://${inbound.authority}`).href;
      if (dialect !== "auth-request") {
        // Traefik would put the name of the asked host in front of a relative one.
        if (target !== null) said.headers.set("location", target);
        return said;
      }
      return inWordsOfNginx(said, target);
    },
  };
}

/**
 * nginx knows 401 and 403; everything else is an error of its own to it, a redirect
 * included. 5xx stays one.
 */
function inWordsOfNginx(said: Response, target: string | null): Response {
  const headers = new Headers(said.headers);
  const setCookies = said.headers.getSetCookie();
  headers.delete("set-cookie");
  headers.delete("location");
  addCookies(headers, "auth-request", setCookies);
  if (target !== null) {
    headers.set("x-auth-redirect", target);
    headers.set("www-authenticate", 'Bearer realm="postern"');
  }
  const { status } = said;
  const known = target !== null ? 401 : status === 401 || status >= 500 ? status : 403;
  return new Response(said.body, { status: known, headers });
}

/**
 * nginx before 1.23 hands on the first `Set-Cookie` line only, and Caddy joins them, so that each cookie
 * also has a header of its own: `X-Auth-Set-Cookie-Access`, `-Refresh`, `-Csrf`.
 */
function addCookies(headers: Headers, dialect: Dialect, setCookies: readonly string[]): void {
  for (const cookie of setCookies) {
    headers.append("set-cookie", cookie);
    if (dialect === "ext-authz") continue;
    const name = cookie.slice(0, cookie.indexOf("=")).replace(/^__Host-/, "");
    headers.set(`x-auth-set-cookie-${name.replace(/^postern-/, "")}`, cookie);
  }
}
