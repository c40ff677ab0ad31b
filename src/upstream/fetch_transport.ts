/**
 * Requests over a runtime's `fetch`: where there is nothing else (Workers), and
 * for backends that live in this process.
 *
 * @module
 */
import { networkReason } from "../outbound/network_reason.ts";
import { inLargePieces } from "./bodies.ts";
import type { Pieces, Upload } from "./bodies.ts";
import { SHORT_BYTES, ShortBody, shortLength } from "./short_body.ts";
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

/** What is asked for of a body at a time: workerd by itself hands out 4 KiB. */
const PIECE_BYTES = 64 * 1024;

const NO_BODY: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** Written by the runtime for a handshake of its own. */
const OF_HANDSHAKE: ReadonlySet<string> = new Set(["sec-websocket-key", "sec-websocket-version"]);

class FetchExchange implements Exchange {
  readonly headed: Promise<void>;
  readonly abort: (reason: Error) => void;
  readonly #observer: BodyObserver;
  readonly #isolatesRequests: boolean;
  #answer: Answer | null = null;
  /** A body that is waited for, either way. */
  #short: ShortBody | null = null;
  /** Of an upload that is sent as it comes. */
  #upload: AbortController | null = null;
  #isGivenUp = false;

  constructor(options: FetchTransportOptions, request: WireRequest, observer: BodyObserver) {
    this.#observer = observer;
    this.#isolatesRequests = options.isolatesRequests;
    if (options.isolatesRequests) {
      // Not waiting is enough to end it; a signal would cost a tenth of what `fetch` does. Uploads
      // have one: a body that only breaks off would reach the upstream with a good end.
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.headed = promise;
      this.abort = (reason) => {
        this.#isGivenUp = true;
        reject(reason);
        this.#upload?.abort(reason);
      };
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
    whole: AbortSignal | null,
  ): Promise<void> {
    const { method, target, body, upgrades } = request;
    // `fetch` knows no such request (WHATWG Fetch, "new Request", step 36).
    if (body !== null && (method === "GET" || method === "HEAD")) {
      throw new TransportError("unsupported", `this runtime sends no body with ${method}`);
    }
    const sent = body === null ? null : await this.#bodyOf(body, options.fixedLength);
    // What was given up while its body was read must not reach the upstream.
    if (this.#isGivenUp) return;
    const signal = whole ?? this.#upload?.signal ?? null;
    let response: Response;
    try {
      response = await options.fetch(options.origin + target, {
        method,
        headers: upgrades ? handshakeOf(request.headers) : pairsOf(request.headers),
        redirect: "manual",
        ...(signal === null ? {} : { signal }),
        ...(sent === null ? {} : { body: sent, duplex: "half" }),
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
    // Nobody holds an open route's answer: it crosses as it is, faster than in one piece.
    const isHeld = this.#isolatesRequests && request.isTied === true;
    const length = stream !== null && isHeld ? shortLength(headers) : null;
    const answered = stream === null || length === null
      ? stream
      : await this.#gathered(inLargePieces(stream, length), length);
    this.#answer = { status, headers, body: answered, connection };
  }

  /** What is read whole may be sent in one piece; a long one is read in large pieces. */
  #bodyOf(
    upload: Upload,
    fixedLength: FetchTransportOptions["fixedLength"],
  ): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | Promise<BodyInit> {
    const { bytes } = upload;
    if (!this.#isolatesRequests) return upload.counted();
    const keepsLength = fixedLength ?? ((stream: ReadableStream<Uint8Array>) => stream);
    if (bytes !== null && bytes <= SHORT_BYTES) {
      return this.#whole(upload.begin(bytes), bytes).then((body) =>
        body instanceof ReadableStream ? keepsLength(body, bytes) : body
      );
    }
    const controller = new AbortController();
    this.#upload = controller;
    const stream = upload.counted(PIECE_BYTES, () => controller.abort());
    return bytes === null ? stream : keepsLength(stream, bytes);
  }

  async #whole(upload: Upload, bytes: number) {
    const pieces = { read: () => upload.next(), cancel: () => upload.cancel() };
    const body = await this.#gathered(pieces, bytes);
    if (upload.failure !== null) throw new TypeError("the body broke off");
    return body;
  }

  async #gathered(pieces: Pieces, bytes: number) {
    const short = new ShortBody(pieces, bytes);
    this.#short = short;
    const body = await short.gathered;
    this.#short = null;
    return body;
  }

  answer(): Answer {
    const answer = this.#answer;
    if (answer === null) throw new TypeError("there is no answer yet");
    if (!(answer.body instanceof ReadableStream) || this.#isolatesRequests) return answer;
    return { ...answer, body: observed(answer.body, this.#observer) };
  }

  hurry(): void {
    this.#short?.hurry();
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
