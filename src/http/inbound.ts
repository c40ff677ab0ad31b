/**
 * The request as Postern reads it: once, and from then on nobody looks at the
 * runtime's `Request` to decide anything.
 *
 * @module
 */
import type { Target } from "../policy/path.ts";
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
  /** The `Host` that the client asked for. */
  readonly host: string;
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
  return value.split(",").some((each) => each.trim().toLowerCase() === member);
}
