/**
 * Requests over a runtime's `fetch`: where there is nothing else (Workers), and
 * for backends that live in this process.
 *
 * @module
 */
import { networkReason } from "../outbound/network_reason.ts";
import type { Upload } from "./bodies.ts";
import { ShortBody, shortLength } from "./short_body.ts";
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
  /**
   * Whether bodies go on as they are, because one that is read is decoded, and a `fetch` ends with
   * the request that it was made for (Workers).
   */
  readonly isolatesRequests: boolean;
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
  readonly abort: (reason: Error) => void;
  readonly #observer: BodyObserver;
  readonly #isolatesRequests: boolean;
  #answer: Answer | null = null;
  /** A body that is waited for. */
  #short: ShortBody | null = null;
  #resolve = () => {};

  constructor(options: FetchTransportOptions, request: WireRequest, observer: BodyObserver) {
    this.#observer = observer;
    this.#isolatesRequests = options.isolatesRequests;
    if (options.isolatesRequests) {
      // Not waiting is enough to end it; a signal would cost a tenth of what `fetch` does.
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.headed = promise;
      this.abort = reject;
      this.#resolve = resolve;
      this.#send(options, request, null).then(resolve, reject);
    } else {
      const controller = new AbortController();
      this.abort = (reason) => controller.abort(reason);
      this.headed = this.#send(options, request, controller.signal);
    }
  }

  async #send(
    options: FetchTransportOptions,
    request: WireRequest,
    signal: AbortSignal | null,
  ): Promise<void> {
    const { method, target, body, upgrades } = request;
    // `fetch` knows no such request (WHATWG Fetch, "new Request", step 36).
    if (body !== null && (method === "GET" || method === "HEAD")) {
      throw new TransportError("unsupported", `this runtime sends no body with ${method}`);
    }
    let response: Response;
    try {
      response = await options.fetch(options.origin + target, {
        method,
        headers: upgrades ? handshakeOf(request.headers) : pairsOf(request.headers),
        redirect: "manual",
        ...(signal === null ? {} : { signal }),
        ...(body === null ? {} : { body: streamOf(body, options.fixedLength), duplex: "half" }),
      });
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw new TransportError("cut", networkReason(error));
    }
    const connection = upgrades ? options.takeWebSocket?.(response) ?? null : null;
    const { status } = response;
    if (connection === null && (status < 200 || status > 599)) {
      await response.body?.cancel().catch(() => {});
      throw new TransportError("bad_answer", "a status that is none");
    }
    const headers = [...response.headers];
    // The answer to HEAD has no body, whatever the runtime hands out.
    const stream = method === "HEAD" || NO_BODY.has(status) ? null : response.body;
    const length = stream !== null && this.#isolatesRequests ? shortLength(headers) : null;
    if (stream === null || length === null) {
      this.#answer = { status, headers, body: stream, connection };
      return;
    }
    const short = new ShortBody(stream, length);
    this.#short = short;
    this.#answer = { status, headers, body: null, connection };
    const whole = await short.whole();
    if (whole === null) return;
    this.#short = null;
    this.#answer = { status, headers, body: whole, connection };
  }

  answer(): Answer {
    const answer = this.#answer;
    if (answer === null) throw new TypeError("there is no answer yet");
    if (this.#short !== null) return { ...answer, body: this.#short.rest() };
    if (!(answer.body instanceof ReadableStream) || this.#isolatesRequests) return answer;
    return { ...answer, body: observed(answer.body, this.#observer) };
  }

  hurry(): void {
    if (this.#answer !== null) this.#resolve();
  }
}

/** For `fetch`, which reads them and no more: a copy of each would show. */
function pairsOf(headers: HeaderPairs): [string, string][] {
  return headers as [string, string][];
}

function handshakeOf(headers: HeaderPairs): [string, string][] {
  const pairs = pairsOf(headers).filter(([name]) => !OF_HANDSHAKE.has(name));
  pairs.push(["upgrade", "websocket"]);
  return pairs;
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
