/**
 * The headers for an upstream: what came in less credentials and forgeries,
 * plus what Postern itself has to say.
 *
 * @module
 */
import { trimOws } from "../base/ows.ts";
import type { CookieJar } from "../browser/cookies.ts";
import { VIA } from "../http/header_names.ts";
import type { HeaderReader } from "../http/headers.ts";
import type { Inbound } from "../http/inbound.ts";
import { isOurs } from "../tokens/claims.ts";
import type { CallerToken } from "../tokens/claims.ts";
import { holdsCsrfShaped } from "../tokens/scan.ts";
import type { TokenScanner } from "../tokens/scan.ts";
import { forwardingHeaders } from "./forwarding.ts";
import type { HeaderFilter } from "./request_filter.ts";
import type { PreparedUpstream } from "./route.ts";

/** Name and value pairs, as `fetch` takes them. */
export type HeaderPairs = [string, string][];

/** Makes the headers of one request; a promise only when an assertion has to be signed. */
export type OutgoingHeaders = (
  inbound: Pick<Inbound, "headers" | "authority" | "around">,
  upstream: PreparedUpstream,
  token: CallerToken | null,
) => HeaderPairs | Promise<HeaderPairs>;

/** A Bearer credential, alone or in a list that something joined. */
const BEARER = /(?:^|[\s,])bearer(?:[\s,]|$)/i;

const CSRF_NAME = /[cx]srf/;

/** Prepares {@link OutgoingHeaders}. */
export function createOutgoingHeaders(parts: {
  readonly origin: string;
  readonly jar: CookieJar;
  readonly staysBehind: HeaderFilter;
  readonly scanner: TokenScanner;
}): OutgoingHeaders {
  const { origin, jar, staysBehind, scanner } = parts;
  const ownProto = origin.slice(0, origin.indexOf(":"));

  /** What may be passed on of one header, or `null`. */
  function passable(
    name: string,
    value: string,
    token: CallerToken | null,
    forwardToken: boolean,
  ): string | null {
    if (name === "cookie") return otherCookies(value);
    // On a protected route Bearer is the caller's token; on an open one it may be the upstream's own.
    if (token !== null && name === "authorization" && BEARER.test(value)) {
      return forwardToken && !isOurs(token) ? value : null;
    }
    // Ours in any other header is dropped too, whatever the client calls it.
    if (scanner.holdsOurs(value)) return null;
    // A backend may have CSRF tokens of its own under the same names.
    return CSRF_NAME.test(name) && holdsCsrfShaped(value) ? null : value;
  }

  function otherCookies(header: string): string | null {
    const rest = jar.strip(header);
    return rest === null ? null : scanner.withoutOurs(rest, ";");
  }

  return function outgoingHeaders(inbound, upstream, token) {
    const { headers: incoming, authority } = inbound;
    const isProtected = token !== null;
    const connectionBound = connectionOptions(incoming);
    const pairs: HeaderPairs = [];
    for (const [name, value] of incoming) {
      if (staysBehind(name) || connectionBound?.has(name)) continue;
      const passed = passable(name, value, token, upstream.forwardToken);
      if (passed !== null) pairs.push([name, passed]);
    }
    if (upstream.via) pairs.push(["via", VIA]);
    if (upstream.passesHost) pairs.push(["host", authority]);
    for (const pair of forwardingHeaders(inbound, ownProto)) pairs.push(pair);
    if (!isProtected) return pairs;

    for (const [name, value] of upstream.identityHeaders(token)) pairs.push([name, value]);
    const { assertion } = upstream;
    if (assertion === null) return pairs;
    const jwt = assertion.mint(token);
    return jwt instanceof Promise
      ? jwt.then((minted) => withAssertion(pairs, assertion.header, minted))
      : withAssertion(pairs, assertion.header, jwt);
  };
}

function withAssertion(pairs: HeaderPairs, header: string, jwt: string): HeaderPairs {
  if (header !== "Authorization") {
    pairs.push([header.toLowerCase(), jwt]);
    return pairs;
  }
  const others = pairs.filter(([name]) => name !== "authorization");
  others.push(["authorization", `Bearer ${jwt}`]);
  return others;
}

/** Headers that `Connection` names belong to this connection only (RFC 9110 §7.6.1). */
function connectionOptions(headers: HeaderReader): ReadonlySet<string> | null {
  const connection = headers.get("connection");
  if (connection === null || /^(?:keep-alive|close)$/i.test(connection)) return null;
  return new Set(connection.split(",").map((name) => trimOws(name).toLowerCase()));
}
