/**
 * Requests over a runtime's `fetch`: where there is nothing else (Workers), and
 * for backends that live in this process.
 *
 * @module
 */
import { networkReason } from "../outbound/network_reason.ts";
import type { Upload } from "./bodies.ts";
import { TransportError } from "./transport.ts";
import type {
  Answer,
  BodyObserver,
  Exchange,
  HeaderPairs,
  Transport,
  WireRequest,
} from "./transport.ts";
import type { SocketEnd } from "./web_socket.ts";

/** How a `fetch` of this kind is used. */
export interface FetchTransportOptions {
  readonly fetch: typeof fetch;
  /** Scheme, host and port, no trailing slash. */
  readonly origin: string;
  /** Whether bodies go on as they are, because one that is read is decoded (Workers). */
  readonly passesUnread: boolean;
  /** Gives a stream of ours the length that it has (`FixedLengthStream`); absent: it is chunked. */
  readonly fixedLength?: (
    stream: ReadableStream<Uint8Array>,
    bytes: number,
  ) => ReadableStream<Uint8Array>;
  /** Takes the WebSocket out of a `101`; absent where `fetch` opens none. */
  readonly takeWebSocket?: (response: Response) => SocketEnd | null;
}

/** Requests to one origin. */
export function createFetchTransport(options: FetchTransportOptions): Transport {
  return {
    send: (request, observer) => new FetchExchange(options, request, observer),
  };
}

const NO_BODY: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** Written by the runtime for a handshake of its own. */
const OF_HANDSHAKE: ReadonlySet<string> = new Set(["sec-websocket-key", "sec-websocket-version"]);

class FetchExchange implements Exchange {
  readonly headed: Promise<void>;
  readonly #abort = new AbortController();
  readonly #observer: BodyObserver;
  readonly #passesUnread: boolean;
  #answer: Answer | null = null;

  constructor(options: FetchTransportOptions, request: WireRequest, observer: BodyObserver) {
    this.#observer = observer;
    this.#passesUnread = options.passesUnread;
    this.headed = this.#send(options, request);
  }

  async #send(options: FetchTransportOptions, request: WireRequest): Promise<void> {
    const { method, target, body, upgrades } = request;
    // `fetch` knows no such request (WHATWG Fetch, "new Request", step 36).
    if (body !== null && (method === "GET" || method === "HEAD")) {
      throw new TransportError("unsupported", `this runtime sends no body with ${method}`);
    }
    let response: Response;
    try {
      response = await options.fetch(options.origin + target, {
        method,
        headers: upgrades ? handshakeOf(request.headers) : mutable(request.headers),
        redirect: "manual",
        signal: this.#abort.signal,
        ...(body === null ? {} : { body: streamOf(body, options.fixedLength), duplex: "half" }),
      });
    } catch (error) {
      if (this.#abort.signal.aborted) throw this.#abort.signal.reason;
      throw new TransportError("cut", networkReason(error));
    }
    const connection = upgrades ? options.takeWebSocket?.(response) ?? null : null;
    const { status } = response;
    if (connection === null && (status < 200 || status > 599)) {
      await response.body?.cancel().catch(() => {});
      throw new TransportError("bad_answer", "a status that is none");
    }
    this.#answer = {
      status,
      headers: [...response.headers],
      // The answer to HEAD has no body, whatever the runtime hands out.
      body: method === "HEAD" || NO_BODY.has(status) ? null : response.body,
      connection,
    };
  }

  answer(): Answer {
    const answer = this.#answer;
    if (answer === null) throw new TypeError("there is no answer yet");
    if (!(answer.body instanceof ReadableStream) || this.#passesUnread) return answer;
    return { ...answer, body: observed(answer.body, this.#observer) };
  }

  abort(reason: Error): void {
    this.#abort.abort(reason);
  }

  hurry(): void {
    // The head is never held back here.
  }
}

function mutable(headers: HeaderPairs): [string, string][] {
  return headers.map(([name, value]) => [name, value]);
}

function handshakeOf(headers: HeaderPairs): [string, string][] {
  return [
    ...mutable(headers.filter(([name]) => !OF_HANDSHAKE.has(name))),
    ["upgrade", "websocket"],
  ];
}

/** A declared length is kept: a backend that knows no chunks would see an empty body. */
function streamOf(
  upload: Upload,
  fixedLength: FetchTransportOptions["fixedLength"],
): ReadableStream<Uint8Array> {
  const counted = upload.counted();
  return upload.bytes === null || fixedLength === undefined
    ? counted
    : fixedLength(counted, upload.bytes);
}

/**
 * Passes an answer's body on, and tells when it is waited for: a client that
 * reads slowly is no pause of the upstream.
 */
function observed(
  body: ReadableStream<Uint8Array>,
  observer: BodyObserver,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      observer.waiting();
      try {
        const { done, value } = await reader.read();
        observer.arrived();
        if (value !== undefined) controller.enqueue(value);
        if (!done) {
          observer.full();
          return;
        }
        observer.ended();
        controller.close();
      } catch (error) {
        observer.ended();
        // Broken off here too: never a clean end.
        controller.error(error);
      }
    },
    cancel(reason) {
      observer.ended();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
