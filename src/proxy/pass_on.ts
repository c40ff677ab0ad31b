/**
 * An upstream's answer as the client may see it.
 *
 * @module
 */
import { setsOwnCookie } from "../browser/cookies.ts";
import { HOP_BY_HOP, VIA } from "../http/header_names.ts";
import type { Answer, HeaderPairs } from "../upstream/transport.ts";

const HOP_BY_HOP_NAMES: ReadonlySet<string> = new Set(HOP_BY_HOP);

/** The half of a handshake that belongs to the connection between us and the upstream. */
const OF_HANDSHAKE: ReadonlySet<string> = new Set([
  "sec-websocket-accept",
  "sec-websocket-extensions",
]);

/** The headers of a `101` as the client may see them. */
export function passableHandshake(headers: HeaderPairs): HeaderPairs {
  const bound = connectionOptions(headers);
  return headers.filter(([name, value]) =>
    mayPass(name, value, bound) && !OF_HANDSHAKE.has(name) && name !== "date"
  );
}

/**
 * The answer. `isPrivate` keeps one that was made for somebody out of shared
 * caches, unless the upstream itself says what caches may do (RFC 9111 §3.5);
 * `via` names us in it.
 */
export function passOn(
  { status, headers, body }: Answer,
  { isPrivate, via }: { readonly isPrivate: boolean; readonly via: boolean },
): Response {
  const bound = connectionOptions(headers);
  const passed = new Response(body, { status });
  // One by one: a list handed to the constructor takes the runtime three times as long.
  const into = passed.headers;
  let saysCaching = false;
  for (const [name, value] of headers) {
    if (!mayPass(name, value, bound)) continue;
    if (name === "cache-control") saysCaching = true;
    into.append(name, value);
  }
  if (via) into.append("via", VIA);
  if (isPrivate && !saysCaching) into.append("cache-control", "private");
  return passed;
}

function mayPass(name: string, value: string, bound: ReadonlySet<string> | null): boolean {
  if (HOP_BY_HOP_NAMES.has(name) || bound?.has(name)) return false;
  // An upstream must not sign people in or out of the gateway (session fixation).
  return name !== "set-cookie" || !setsOwnCookie(value);
}

/** What `Connection` names belongs to this connection only (RFC 9110 §7.6.1). */
function connectionOptions(headers: HeaderPairs): ReadonlySet<string> | null {
  let bound: Set<string> | null = null;
  for (const [name, value] of headers) {
    if (name !== "connection" || value === "keep-alive" || value === "close") continue;
    bound ??= new Set();
    for (const each of value.split(",")) bound.add(each.trim().toLowerCase());
  }
  return bound;
}
