/**
 * Reads a request into the one value that is matched, logged and sent; nothing
 * looks at the runtime's `Request` afterwards but for its body.
 *
 * @module
 */
import { hostOf, readAuthority } from "../policy/authority.ts";
import type { RequestProblem } from "../policy/problem.ts";
import { readRequestLine, TWO_HOSTS } from "../policy/request_line.ts";
import type { Target } from "../policy/target.ts";
import type { EventSink } from "../telemetry/events.ts";
import { surroundingsOf } from "./around.ts";
import type { ConnectionInfo, Surroundings } from "./around.ts";
import type { ClientInfo, ClientResolver } from "./client_address.ts";
import { readHeaders } from "./headers.ts";
import type { IncomingHeaders } from "./headers.ts";
import { isWebSocketUpgrade } from "./inbound.ts";
import type { Inbound } from "./inbound.ts";
import type { CheckLimits } from "./limits.ts";
import type { Problem } from "./problem.ts";
import { traceOf } from "./trace.ts";

/** A request as far as it could be read. */
export interface Unreadable {
  readonly method: string;
  readonly headers: IncomingHeaders;
  readonly around: Surroundings;
  /** `null`: nobody could say which resource is meant. */
  readonly target: Target | null;
}

/** A request, read; or why nobody should try. */
export type Reading =
  | { readonly kind: "read"; readonly inbound: Inbound }
  | { readonly kind: "refused"; readonly asked: Unreadable; readonly problem: Problem };

/** Reads a request, once. */
export type Read = (request: Request, connection: ConnectionInfo) => Reading;

/** A request that somebody else was sent, as they tell of it. */
export interface Told extends Pick<Unreadable, "method" | "headers" | "around"> {
  /** Absolute. */
  readonly url: string;
  /** Asks to become a WebSocket, as far as can be told. */
  readonly upgrades: boolean;
  readonly signal: AbortSignal;
}

/** Reads a request that somebody else was sent (forward-auth), by the same rules. */
export type ReadTold = (told: Told) => Reading;

/** Prepares {@link ReadTold}. */
export function createReadTold({ scheme, checkLimits, originOf }: {
  readonly scheme: "http" | "https";
  readonly checkLimits: CheckLimits;
  readonly originOf: (authority: string) => string;
}): ReadTold {
  return function readTold({ method, url, headers, around, upgrades, signal }) {
    const asked = { method, headers, around, target: null };
    const excess = checkLimits(method, url, headers);
    if (excess !== null) return { kind: "refused", asked, problem: excess };
    const line = readRequestLine({ method, url, hostHeader: null, scheme });
    if ("problem" in line) {
      return { kind: "refused", asked, problem: { code: line.code, detail: line.problem } };
    }
    const origin = originOf(line.authority);
    return { kind: "read", inbound: { ...line, origin, headers, around, upgrades, signal } };
  };
}

/** Prepares {@link Read}. */
export function createRead(parts: {
  /** Scheme and host of the public origin. */
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly clientOf: ClientResolver;
  readonly checkLimits: CheckLimits;
  /** The public origin of an authority. */
  readonly originOf: (authority: string) => string;
  /** Which hosts are ours: what a proxy in front says of the host is believed for these only. */
  readonly isKnownHost: (authority: string) => boolean;
  readonly events: EventSink;
}): Read {
  const { scheme, authority, clientOf, checkLimits, originOf, isKnownHost, events } = parts;

  /**
   * A trusted proxy may have asked us by another name than it was asked by, and
   * what runs on this machine asks by a loopback name. Where both names are ours
   * nobody can tell whose word the second is: most proxies that pass the `Host` on
   * let a client's `X-Forwarded-Host` through.
   */
  function authorityOf(
    asked: string,
    headers: IncomingHeaders,
    client: ClientInfo,
  ): string | RequestProblem {
    const told = client.viaTrustedProxy ? headers.get("x-forwarded-host") : null;
    if (told !== null) {
      const read = readAuthority(told, scheme);
      if (typeof read === "string" && isKnownHost(read)) {
        const host = hostOf(asked);
        return host === hostOf(read) || isLoopback(host) || !isKnownHost(asked) ? read : TWO_HOSTS;
      }
    }
    // Without `Host` (HTTP/1.0) the runtime makes an authority of its own address.
    const isOfThisMachine = headers.get("host") !== null && isLoopback(hostOf(asked)) &&
      isLoopback(client.peerAddress);
    return isOfThisMachine && !isKnownHost(asked) ? authority : asked;
  }

  return function read(request, connection) {
    const headers = readHeaders(request.headers);
    const client = clientOf(headers, connection.remoteAddress);
    const trace = traceOf(headers, client.viaTrustedProxy);
    const around = surroundingsOf(client, trace, connection.waitUntil, events);
    const { method } = request;
    const url = urlOf(request);
    if (url === null) {
      return {
        kind: "refused",
        asked: { method, headers, around, target: null },
        problem: { code: "invalid_request", detail: "The host is not a name or an address." },
      };
    }
    const excess = checkLimits(method, url, headers);
    if (excess !== null) {
      return {
        kind: "refused",
        asked: { method, headers, around, target: null },
        problem: excess,
      };
    }
    const line = readRequestLine({ method, url, hostHeader: headers.get("host"), scheme });
    if ("problem" in line) {
      return {
        kind: "refused",
        asked: { method, headers, around, target: null },
        problem: { code: line.code, detail: line.problem },
      };
    }
    const asked = authorityOf(line.authority, headers, client);
    if (typeof asked !== "string") {
      return {
        kind: "refused",
        asked: { method, headers, around, target: null },
        problem: { code: asked.code, detail: asked.problem },
      };
    }
    const inbound = new Arrived(
      request,
      line.method,
      asked,
      originOf(asked),
      line.target,
      headers,
      around,
      isWebSocketUpgrade(method, headers),
    );
    return { kind: "read", inbound };
  };
}

/** A class for the one getter: in a literal it costs more than all the rest of the value. */
class Arrived implements Inbound {
  readonly #request: Request;

  constructor(
    request: Request,
    readonly method: string,
    readonly authority: string,
    readonly origin: string,
    readonly target: Target,
    readonly headers: IncomingHeaders,
    readonly around: Surroundings,
    readonly upgrades: boolean,
  ) {
    this.#request = request;
  }

  /** Made by the runtime when somebody asks for it. */
  get signal(): AbortSignal {
    return this.#request.signal;
  }
}

/** Deno throws where the `Host` makes no URL. */
function urlOf(request: Request): string | null {
  try {
    return request.url;
  } catch {
    return null;
  }
}

/** Of this very machine: nobody else can ask by such a name, from such an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" ||
    /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(host);
}
