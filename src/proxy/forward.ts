/**
 * Forwards one request to an upstream over `fetch`: bodies are streamed both
 * ways, redirects are passed on untouched, and what must not cross stays behind.
 *
 * @module
 */
import { setsOwnCookie } from "../browser/cookies.ts";
import type { UpstreamConfig } from "../config/config.ts";
import { HOP_BY_HOP, VIA } from "../http/header_names.ts";
import { networkReason, wasNeverSent } from "../outbound/network_reason.ts";
import { counted, observed } from "./bodies.ts";
import type { Pool, Selection, Target } from "./pool.ts";
import { createWatch } from "./watch.ts";
import type { Watched } from "./watch.ts";
import type { WebSocketTransport } from "./web_socket.ts";

/** Connections to one upstream. */
export interface UpstreamTransport {
  readonly fetch: typeof fetch;
  /** Absent: a request to become a WebSocket is forwarded as an ordinary one. */
  readonly webSocket?: WebSocketTransport;
}

/** How requests reach upstreams; differs between runtimes. */
export interface Transport extends UpstreamTransport {
  /**
   * Whether the runtime's `fetch` decodes compressed bodies and leaves the label
   * on. Deno does, unless the first `Accept-Encoding` line says `identity`.
   */
  readonly decodesBodies: boolean;
  /**
   * Whether no request may touch a timer of another, and bodies cross as they are
   * only when nobody reads them (Workers). Pauses in a body are then the platform's
   * to end.
   */
  readonly isolatesRequests?: boolean;
  /**
   * Connections with certificates, or a `Host` of our own. Absent where the
   * runtime has no say in them (Workers); `null`: the usual ones will do.
   */
  readonly forUpstream?: (upstream: UpstreamConfig) => UpstreamTransport | null;
}

/** A request that may go out, with its credentials already replaced. */
export interface OutgoingRequest {
  readonly method: string;
  /** Normalised path and query. */
  readonly target: string;
  /** Name and value pairs; the caller has left nothing in them that must not go out. */
  readonly headers: [string, string][];
  readonly body: ReadableStream<Uint8Array> | null;
  /** As declared by the client, 0 without a body; `null` when it did not say. */
  readonly bodyBytes: number | null;
  /** Larger bodies are broken off. */
  readonly maxBodyBytes: number;
  /** Whose signal aborts when the client goes away; the request itself, as it is. */
  readonly client: { readonly signal: AbortSignal };
  /** Whether the answer is made for one person. */
  readonly isPrivate: boolean;
}

/** An answer, or why there is none. */
export type ForwardOutcome =
  | { readonly kind: "answered"; readonly response: Response }
  | { readonly kind: "unavailable"; readonly reason: string }
  | { readonly kind: "timeout" }
  | { readonly kind: "too_large" }
  /** The client has gone: nobody hears the answer. */
  | { readonly kind: "abandoned" }
  | Exclude<Selection, { kind: "target" }>;

/** Forwards to one upstream. */
export type Forward = (request: OutgoingRequest) => Promise<ForwardOutcome>;

/** An upload is granted this much time for each of its bytes, beside the timeout. */
const UPLOAD_BYTES_PER_MS = 64;

/** Answers of a declared length up to this are passed on in one piece. */
const SMALL_BYTES = 64 * 1024;

/** RFC 9110 §9.2.2, without those that are nobody's to repeat. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** Prepares forwarding to an upstream. */
export function createForward(
  upstream: UpstreamConfig,
  transport: Transport,
  pool: Pool,
): Forward {
  const { timeoutMs, idleTimeoutMs, ejection } = upstream;
  const { fetch } = transport;
  const shortestMs = Math.min(timeoutMs, idleTimeoutMs);
  const watchAll = transport.isolatesRequests ? null : createWatch(shortestMs);

  async function attempt(request: OutgoingRequest, target: Target): Promise<Attempt> {
    // In front: whatever the client accepts stands in a line of its own behind it.
    const headers = transport.decodesBodies ? [IDENTITY, ...request.headers] : request.headers;
    const { method, bodyBytes, maxBodyBytes } = request;
    const patienceMs = bodyBytes === null ? timeoutMs : timeoutMs + bodyBytes / UPLOAD_BYTES_PER_MS;
    const watched = (watchAll ?? createWatch(shortestMs))(request.client, patienceMs);
    let body = bodyBytes === 0 ? null : request.body;
    let isTooLarge = false;
    // Only where no length was declared: in a wrapped stream the length would be
    // lost on the way, and a backend that knows no chunks would see an empty body.
    if (body !== null && bodyBytes === null) {
      let sentBytes = 0;
      body = counted(body, (bytes) => {
        sentBytes += bytes;
        isTooLarge = sentBytes > maxBodyBytes;
        watched.extend(timeoutMs);
        return !isTooLarge;
      });
    }
    let response: Response;
    try {
      response = await fetch(target.origin + request.target, {
        method,
        headers,
        body,
        redirect: "manual",
        signal: watched.signal,
        ...(body === null ? {} : { duplex: "half" }),
      });
    } catch (error) {
      watched.release();
      const outcome = isTooLarge ? TOO_LARGE : failedAttempt(error, watched);
      if (outcome.kind === "unavailable" || outcome.kind === "timeout") target.failed();
      else target.abandoned();
      target.release();
      return outcome;
    }
    if (ejection?.statuses.has(response.status)) target.failed();
    else target.succeeded();
    // From here on a client that goes away cancels the body it was reading.
    watched.release();
    const { body: answered } = response;
    // The answer to HEAD has no body, whatever the runtime hands out. And where a
    // body that we read would be decoded and encoded again, it goes on unread.
    if (answered === null || method === "HEAD" || transport.isolatesRequests) {
      target.release();
      return { kind: "answered", response: passOn(response, request.isPrivate) };
    }
    if (isSmall(response)) return await passOnWhole(response, watched, target, request);
    const observedBody = observed(answered, {
      waiting: () => watched.extend(idleTimeoutMs),
      arrived: () => watched.release(),
      ended: () => {
        watched.release();
        target.release();
      },
    });
    return { kind: "answered", response: passOn(response, request.isPrivate, observedBody) };
  }

  /**
   * A small answer is passed on when it is whole: piece by piece through a stream
   * of ours it would cost half as much again as all the rest of the way.
   */
  async function passOnWhole(
    response: Response,
    watched: Watched,
    target: Target,
    request: OutgoingRequest,
  ): Promise<Attempt> {
    watched.extend(idleTimeoutMs);
    try {
      const body = await response.arrayBuffer();
      return { kind: "answered", response: passOn(response, request.isPrivate, body) };
    } catch (error) {
      return failedAttempt(error, watched);
    } finally {
      watched.release();
      target.release();
    }
  }

  async function forwardTo(request: OutgoingRequest, target: Target): Promise<ForwardOutcome> {
    const first = await attempt(request, target);
    if (first.kind !== "unavailable" || !mayRepeat(request, first.neverSent)) return first;
    const other = pool.take(target);
    return other.kind === "target" ? await attempt(request, other.target) : first;
  }

  return async function forward(request) {
    const selection = pool.take();
    if (selection.kind !== "target") return selection;
    const { target } = selection;
    return await (pool.hasOthers ? forwardTo(request, target) : attempt(request, target));
  };
}

function isSmall({ headers }: Response): boolean {
  const length = headers.get("content-length");
  return length !== null && Number(length) <= SMALL_BYTES;
}

type Attempt =
  | Exclude<ForwardOutcome, { kind: "unavailable" }>
  | { readonly kind: "unavailable"; readonly reason: string; readonly neverSent: boolean };

const TOO_LARGE: Attempt = { kind: "too_large" };

function failedAttempt(error: unknown, watched: Watched): Attempt {
  if (watched.givenUp === "timeout") return { kind: "timeout" };
  if (watched.givenUp === "client_gone") return { kind: "abandoned" };
  return {
    kind: "unavailable",
    reason: networkReason(error),
    neverSent: wasNeverSent(error),
  };
}

/**
 * Whether another target may be asked. Not with a body: part of it may be gone.
 * Otherwise what was never sent, and what may be sent twice (RFC 9110 §9.2.2).
 */
function mayRepeat({ method, bodyBytes }: OutgoingRequest, neverSent: boolean): boolean {
  return bodyBytes === 0 && (neverSent || IDEMPOTENT.has(method));
}

const IDENTITY: [string, string] = ["accept-encoding", "identity"];

const NULL_BODY_STATUS = new Set([101, 204, 205, 304]);

const HOP_BY_HOP_NAMES: ReadonlySet<string> = new Set(HOP_BY_HOP);

/**
 * The upstream's answer as the client may see it. `isPrivate` keeps an answer
 * that was made for somebody out of shared caches, unless the upstream itself
 * says what caches may do (RFC 9111 §3.5).
 */
export function passOn(
  response: Response,
  isPrivate: boolean,
  body: BodyInit | null = response.body,
): Response {
  const connection = response.headers.get("connection");
  const connectionBound = connection === null ? null : connectionOptions(connection);
  const { status, statusText } = response;
  const passed = new Response(NULL_BODY_STATUS.has(status) ? null : body, { status, statusText });
  // One by one: a list handed to the constructor takes the runtime three times as long.
  const { headers } = passed;
  let saysCaching = false;
  let via: string = VIA;
  for (const [name, value] of response.headers) {
    if (HOP_BY_HOP_NAMES.has(name) || connectionBound?.has(name)) continue;
    // An upstream must not sign people in or out of the gateway (session fixation).
    if (name === "set-cookie" && setsOwnCookie(value)) continue;
    if (name === "cache-control") saysCaching = true;
    if (name === "via") via = `${value}, ${VIA}`;
    else headers.append(name, value);
  }
  headers.append("via", via);
  if (isPrivate && !saysCaching) headers.append("cache-control", "private");
  return passed;
}

function connectionOptions(connection: string): ReadonlySet<string> {
  return new Set(connection.split(",").map((name) => name.trim().toLowerCase()));
}
