/**
 * Forwards one request to an upstream over `fetch`: bodies are streamed both
 * ways, redirects are passed on untouched, and what must not cross stays behind.
 *
 * @module
 */
import { setsOwnCookie } from "../browser/cookies.ts";
import type { UpstreamConfig } from "../config/config.ts";
import { networkReason } from "../telemetry/network_reason.ts";
import type { WebSocketTransport } from "./web_socket.ts";
import { HOP_BY_HOP } from "./request_headers.ts";

/** How requests reach upstreams; differs between runtimes. */
export interface Transport {
  readonly fetch: typeof fetch;
  /**
   * Whether the runtime's `fetch` decodes compressed bodies (Deno) instead of
   * handing them through as they are (Workers).
   */
  readonly decodesBodies: boolean;
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
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
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
  let turn = 0;

  return async function forward(request) {
    const target = targets[turn++ % targets.length];
    if (target === undefined) return { kind: "unavailable", reason: "no target" };
    const headers = transport.decodesBodies
      ? [...request.headers.filter(isNotAcceptEncoding), IDENTITY]
      : request.headers;
    const abort = new AbortController();
    const clientGone = () => abort.abort("client gone");
    request.signal.addEventListener("abort", clientGone, { once: true });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      abort.abort("timeout");
    }, timeoutMs);
    try {
      const response = await transport.fetch(target + request.target, {
        method: request.method,
        headers,
        body: request.body,
        redirect: "manual",
        signal: abort.signal,
        ...(request.body === null ? {} : { duplex: "half" }),
      });
      return { kind: "answered", response: passOn(response, transport) };
    } catch (error) {
      if (timedOut) return { kind: "timeout" };
      return { kind: "unavailable", reason: networkReason(error) };
    } finally {
      clearTimeout(timer);
      // From here on a client that goes away cancels the body it was reading.
      request.signal.removeEventListener("abort", clientGone);
    }
  };
}

const IDENTITY: [string, string] = ["accept-encoding", "identity"];

function isNotAcceptEncoding([name]: [string, string]): boolean {
  return name !== "accept-encoding";
}

const NULL_BODY_STATUS = new Set([101, 204, 205, 304]);

/** The upstream's answer as the client may see it. */
export function passOn(
  response: Response,
  transport: Pick<Transport, "decodesBodies">,
): Response {
  const headers = new Headers(response.headers);
  const connection = headers.get("connection");
  if (connection !== null) {
    for (const name of connection.split(",")) {
      if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name.trim())) headers.delete(name.trim());
    }
  }
  for (const name of HOP_BY_HOP) headers.delete(name);
  const cookies = headers.getSetCookie();
  if (cookies.some(setsOwnCookie)) {
    // An upstream must not sign people in or out of the gateway (session fixation).
    headers.delete("set-cookie");
    for (const cookie of cookies) {
      if (!setsOwnCookie(cookie)) headers.append("set-cookie", cookie);
    }
  }
  if (transport.decodesBodies && headers.has("content-encoding")) {
    headers.delete("content-encoding");
    headers.delete("content-length");
  }
  return new Response(NULL_BODY_STATUS.has(response.status) ? null : response.body, {
    status: response.status,
    statusText: response.statusText,
    headers,
  });
}
