/**
 * An upstream's `101` as the client may see it.
 *
 * @module
 */
import { setsOwnCookie } from "../browser/cookies.ts";
import { connectionOptions, HOP_BY_HOP } from "../http/header_names.ts";
import type { HeaderPairs } from "../upstream/transport.ts";

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
    !HOP_BY_HOP_NAMES.has(name) && !bound?.has(name) &&
    !OF_HANDSHAKE.has(name) && name !== "date" &&
    // An upstream must not sign people in or out of the gateway (session fixation).
    !(name === "set-cookie" && setsOwnCookie(value))
  );
}
