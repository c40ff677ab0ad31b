/**
 * Forwards one request to an upstream over `fetch`: bodies are streamed both
 * ways, redirects are passed on untouched, and what must not cross stays behind.
 *
 * @module
 */
import { setsOwnCookie } from "../browser/cookies.ts";
import type { UpstreamConfig } from "../config/config.ts";
import { networkReason } from "../telemetry/network_reason.ts";
import { createWatch } from "./watch.ts";
import type { WebSocketTransport } from "./web_socket.ts";
import { HOP_BY_HOP } from "./request_headers.ts";

/** How requests reach upstreams; differs between runtimes. */
export interface Transport {
  readonly fetch: typeof fetch;
  /**
   * Whether the runtime's `fetch` decodes compressed bodies and leaves the label
   * on. Deno does, unless the first `Accept-Encoding` line says `identity`.
   */
  readonly decodesBodies: boolean;
  /** Whether no request may touch a timer of another (Workers). */
  readonly isolatesRequests?: boolean;
  /** Absent: a request to become a WebSocket is forwarded as an ordinary one. */
  readonly webSocket?: WebSocketTransport;
}

/** A request that may go out, with its credentials already replaced. */
export interface OutgoingRequest {
  readonly method: string;
  /** Normalised path and query. */
  readonly target: string;
  /** Name and value pairs; the caller has left nothing in them that must not go out. */
  readonly headers: [string, string][];
  readonly body: ReadableStream<Uint8Array> | null;
  /** Whose signal aborts when the client goes away; the request itself, as it is. */
  readonly client: { readonly signal: AbortSignal };
  /** Whether the answer is made for one person. */
  readonly isPrivate: boolean;
}

/** An answer, or why there is none. */
export type ForwardOutcome =
  | { readonly kind: "answered"; readonly response: Response }
  | { readonly kind: "unavailable"; readonly reason: string }
  | { readonly kind: "timeout" };

/** Forwards to one upstream. */
export type Forward = (request: OutgoingRequest) => Promise<ForwardOutcome>;

/** Prepares forwarding to an upstream. */
export function createForward(upstream: UpstreamConfig, transport: Transport): Forward {
  const { targets, timeoutMs } = upstream;
  const watchAll = transport.isolatesRequests ? null : createWatch(timeoutMs);
  let turn = 0;

  return async function forward(request) {
    const target = targets[turn++ % targets.length];
    if (target === undefined) return { kind: "unavailable", reason: "no target" };
    // In front: whatever the client accepts stands in a line of its own behind it.
    const headers = transport.decodesBodies ? [IDENTITY, ...request.headers] : request.headers;
    const { body, method } = request;
    const watched = (watchAll ?? createWatch(timeoutMs))(request.client);
    try {
      const response = await transport.fetch(target + request.target, {
        method,
        headers,
        body,
        redirect: "manual",
        signal: watched.signal,
        ...(body === null ? {} : { duplex: "half" }),
      });
      return { kind: "answered", response: passOn(response, request.isPrivate) };
    } catch (error) {
      if (watched.givenUp === "timeout") return { kind: "timeout" };
      return { kind: "unavailable", reason: networkReason(error) };
    } finally {
      // From here on a client that goes away cancels the body it was reading.
      watched.release();
    }
  };
}

const IDENTITY: [string, string] = ["accept-encoding", "identity"];

const NULL_BODY_STATUS = new Set([101, 204, 205, 304]);

const HOP_BY_HOP_NAMES: ReadonlySet<string> = new Set(HOP_BY_HOP);

/**
 * The upstream's answer as the client may see it. `isPrivate` keeps an answer
 * that was made for somebody out of shared caches, unless the upstream itself
 * says what caches may do (RFC 9111 §3.5).
 */
export function passOn(response: Response, isPrivate: boolean): Response {
  const connection = response.headers.get("connection");
  const connectionBound = connection === null ? null : connectionOptions(connection);
  const headers: [string, string][] = [];
  let saysCaching = false;
  for (const [name, value] of response.headers) {
    if (HOP_BY_HOP_NAMES.has(name) || connectionBound?.has(name)) continue;
    // An upstream must not sign people in or out of the gateway (session fixation).
    if (name === "set-cookie" && setsOwnCookie(value)) continue;
    if (name === "cache-control") saysCaching = true;
    headers.push([name, value]);
  }
  if (isPrivate && !saysCaching) headers.push(["cache-control", "private"]);
  const { status, statusText } = response;
  return new Response(NULL_BODY_STATUS.has(status) ? null : response.body, {
    status,
    statusText,
    headers,
  });
}

function connectionOptions(connection: string): ReadonlySet<string> {
  return new Set(connection.split(",").map((name) => name.trim().toLowerCase()));
}
