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
  readonly target: Target;
  readonly headers: IncomingHeaders;
  readonly around: Surroundings;
  /** The public origin that it was asked at; what a browser there calls same-origin. */
  readonly origin: string;
  /** Whether it asks to become a WebSocket. */
  readonly upgrades: boolean;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** A request whose target could be read in one way. */
export interface Inbound extends Asking {
  /** Which host it is for, in one spelling; with the port where it is not the scheme's. */
  readonly authority: string;
}

/**
 * Whether a request asks to become a WebSocket of the version that is spoken
 * (RFC 6455 §4.2.1). Anything short of it is an ordinary request, and the
 * upstream's to judge.
 */
export function isWebSocketUpgrade(
  method: string,
  headers: { get(name: string): string | null },
): boolean {
  const upgrade = headers.get("upgrade");
  return upgrade !== null && method === "GET" && lists(upgrade, "websocket") &&
    lists(headers.get("connection") ?? "", "upgrade") &&
    headers.get("sec-websocket-version") === "13" &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "");
}

function lists(value: string, member: string): boolean {
  return value.split(",").some((each) => trimOws(each).toLowerCase() === member);
}
