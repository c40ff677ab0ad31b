/**
 * The request as Postern reads it: once, and from then on nobody looks at the
 * runtime's `Request` to decide anything.
 *
 * @module
 */
import { trimOws } from "../base/ows.ts";
import type { Target } from "../policy/target.ts";
import type { Surroundings } from "./around.ts";
import type { IncomingHeaders } from "./headers.ts";

/** What of a request decides who is calling; forward-auth makes one from a dialect's headers. */
export interface Asking {
  readonly method: string;
  readonly headers: IncomingHeaders;
  readonly around: Surroundings;
  /** Whether it asks to become a WebSocket. */
  readonly upgrades: boolean;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** A request whose target could be read in one way. */
export interface Inbound extends Asking {
  readonly target: Target;
  /** Which host it is for, in one spelling; with the port where it is not the scheme's. */
  readonly authority: string;
}

/** Whether a request asks to become a WebSocket (RFC 6455 §4.1). */
export function isWebSocketUpgrade(
  method: string,
  headers: { get(name: string): string | null },
): boolean {
  const upgrade = headers.get("upgrade");
  return upgrade !== null && method === "GET" && lists(upgrade, "websocket") &&
    lists(headers.get("connection") ?? "", "upgrade");
}

function lists(value: string, member: string): boolean {
  return value.split(",").some((each) => trimOws(each).toLowerCase() === member);
}
