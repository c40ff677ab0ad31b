/**
 * The headers for an upstream: what came in less credentials and forgeries,
 * plus what Postern itself has to say.
 *
 * @module
 */
import { trimOws } from "../base/ows.ts";
import type { CookieJar } from "../browser/cookies.ts";
import type { TokenSchemes } from "../http/authorization.ts";
import { connectionOptions, VIA } from "../http/header_names.ts";
import type { Inbound } from "../http/inbound.ts";
import { isOurs } from "../tokens/claims.ts";
import type { CallerToken } from "../tokens/claims.ts";
import { isOwnClient } from "../tokens/issuers/own_clients.ts";
import { holdsCsrfShaped } from "../tokens/scan.ts";
import type { TokenScanner } from "../tokens/scan.ts";
import { forwardingHeaders } from "./forwarding.ts";
import { applyToPairs } from "./header_rules.ts";
import type { PreparedRoute } from "./route.ts";

/** Name and value pairs, as `fetch` takes them. */
export type HeaderPairs = (readonly [string, string])[];

/** Makes the headers of one request; a promise only when an assertion has to be signed. */
export type OutgoingHeaders = (
  inbound: Pick<Inbound, "headers" | "authority" | "around">,
  route: Pick<PreparedRoute, "upstream" | "staysBehind" | "requestHeaders">,
  token: CallerToken | null,
) => HeaderPairs | Promise<HeaderPairs>;

/** Where browsers put a token that they can put nowhere else (RFC 6455 §11.3.4). */
const PROTOCOLS = "sec-websocket-protocol";

/** Prepares {@link OutgoingHeaders}. */
export function createOutgoingHeaders(parts: {
  readonly origin: string;
  readonly jar: CookieJar;
  readonly scanner: TokenScanner;
  readonly schemes: TokenSchemes;
}): OutgoingHeaders {
  const { origin, jar, scanner, schemes } = parts;
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
    if (token !== null && name === "authorization" && schemes.mentionedIn(value)) {
      return forwardToken && !isOurs(token) && !isOwnClient(token) ? value : null;
    }
    if (name === "dpop" && token?.bound?.by === "dpop") return null;
    if (name === PROTOCOLS) return scanner.withoutOurs(value, ",");
    // Ours in any other header is dropped too, whatever the client calls it.
    return scanner.holdsOurs(value) || holdsCsrfShaped(value) ? null : value;
  }

  function otherCookies(header: string): string | null {
    const rest = jar.strip(header);
    const others = rest === null ? null : scanner.withoutOurs(rest, ";");
    if (others === null || !holdsCsrfShaped(others)) return others;
    const kept = others.split(";").filter((cookie) => !holdsCsrfShaped(cookie));
    return kept.length === 0 ? null : trimOws(kept.join(";"));
  }

  /** Everything but the assertion. */
  function pairsFor(
    inbound: Parameters<OutgoingHeaders>[0],
    { upstream, staysBehind, requestHeaders }: Parameters<OutgoingHeaders>[1],
    token: CallerToken | null,
  ): HeaderPairs {
    const { headers: incoming, authority } = inbound;
    const isProtected = token !== null;
    const connectionBound = connectionOptions(incoming);
    const pairs: HeaderPairs = [];
    for (const line of incoming) {
      const [name, value] = line;
      if (staysBehind(name) || connectionBound?.has(name)) continue;
      const passed = passable(name, value, token, upstream.forwardToken);
      if (passed !== null) pairs.push(passed === value ? line : [name, passed]);
    }
    if (upstream.via) pairs.push(["via", VIA]);
    if (upstream.passesHost) pairs.push(["host", authority]);
    for (const pair of forwardingHeaders(inbound, ownProto)) pairs.push(pair);
    if (isProtected) pairs.push(...upstream.identityHeaders(token));
    return requestHeaders === null ? pairs : applyToPairs(requestHeaders, pairs);
  }

  return function outgoingHeaders(inbound, route, token) {
    const pairs = pairsFor(inbound, route, token);
    const { assertion } = route.upstream;
    if (token === null || assertion === null) return pairs;
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
