/**
 * One request under way in `undici`: the handler that it calls, and the stream
 * that the answer is read from.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import type { Answer, BodyObserver, Exchange, WireRequest } from "../../upstream/transport.ts";
import { TransportError } from "../../upstream/transport.ts";
import { rawConnection } from "./raw_connection.ts";
import { transportError } from "./undici_failure.ts";

type Controller = Dispatcher.DispatchController;

/** Answers of a declared length up to this are handed out when they are whole. */
const SMALL_BYTES = 64 * 1024;

/** Pieces that wait for whoever reads the answer; more pause the connection. */
const WAITING_PIECES = 4;

/** What is taken of an answer's head. */
export interface HeadLimits {
  readonly maxLines: number;
}

/**
 * The handler. An answer is handed out at its head; where all of it came with
 * the head, or is known to be small, as one piece: through a stream it would
 * cost half as much again as all the rest of the way.
 */
export class UndiciExchange implements Dispatcher.DispatchHandler, Exchange {
  readonly headed: Promise<void>;
  #resolve!: () => void;
  #reject!: (error: Error) => void;
  readonly #request: WireRequest;
  readonly #observer: BodyObserver;
  readonly #limits: HeadLimits;
  #controller: Controller | null = null;
  #abortedWith: Error | null = null;
  /** Whether undici began to write: until then nothing was sent. */
  #isStarted = false;
  #isHeaded = false;
  #isWhole = false;
  #failure: Error | null = null;
  #status = 0;
  #headers: [string, string][] = [];
  #connection: Duplex | null = null;
  /** Pieces that came before somebody read; `null` once there is a stream. */
  #pieces: Uint8Array<ArrayBuffer>[] | null = [];
  #stream: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(request: WireRequest, observer: BodyObserver, limits: HeadLimits) {
    this.#request = request;
    this.#observer = observer;
    this.#limits = limits;
    this.headed = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  // As undici sees it.

  onRequestStart(controller: Controller): void {
    this.#isStarted = true;
    this.#controller = controller;
    if (this.#abortedWith !== null) controller.abort(this.#abortedWith);
  }

  onResponseStart(controller: Controller, status: number): void {
    // Interim answers have no way through `Deno.serve`.
    if (status < 200) return;
    const fault = this.#readHead(controller, status);
    if (fault !== null) {
      this.#fail(new TransportError("bad_answer", fault));
      controller.abort(STOPPED);
      return;
    }
    if (!this.#expectsSmall()) this.#head();
  }

  onResponseData(controller: Controller, chunk: Buffer<ArrayBuffer>): void {
    // The parser says so whenever it goes on after a pause. Passed on, that is a
    // reader who reads nothing, pauses nothing and lets nobody else run.
    if (chunk.length === 0) return;
    if (this.#hasNoBody()) {
      // A 205 has none, whatever comes: nobody would ever take it.
      controller.abort(STOPPED);
      return;
    }
    if (this.#stream === null) {
      this.#pieces?.push(chunk);
      return;
    }
    this.#observer.arrived();
    this.#stream.enqueue(chunk);
    if ((this.#stream.desiredSize ?? 0) > 0) return;
    controller.pause();
    this.#observer.full();
  }

  onResponseEnd(): void {
    this.#isWhole = true;
    if (this.#stream !== null) {
      this.#observer.ended();
      this.#stream.close();
    } else this.#head();
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    this.#fail(this.#abortedWith ?? transportError(error, this.#isStarted));
  }

  onRequestUpgrade(
    controller: Controller,
    status: number,
    _headers: unknown,
    socket: Duplex,
  ): void {
    // Nobody waits for it any more.
    if (this.#abortedWith !== null) {
      socket.destroy();
      return;
    }
    const fault = this.#readHead(controller, status);
    if (fault !== null) {
      socket.destroy();
      this.#fail(new TransportError("bad_answer", fault));
      return;
    }
    this.#connection = socket;
    this.#isWhole = true;
    this.#head();
  }

  // As Postern sees it.

  answer(): Answer {
    const connection = this.#connection === null ? null : rawConnection(this.#connection);
    return {
      status: this.#status,
      headers: this.#headers,
      body: connection !== null || this.#hasNoBody() ? null : this.#body(),
      connection,
    };
  }

  abort(reason: Error): void {
    if (this.#isWhole || this.#failure !== null || this.#abortedWith !== null) return;
    this.#abortedWith = reason;
    this.#controller?.abort(reason);
    // Before it has a connection undici can not be told: it will be when it begins.
    if (this.#controller === null) this.#fail(reason);
  }

  hurry(): void {
    if (this.#status !== 0) this.#head();
  }

  #head(): void {
    if (this.#isHeaded) return;
    this.#isHeaded = true;
    this.#resolve();
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    if (!this.#isHeaded) {
      this.#isHeaded = true;
      this.#reject(error);
    } else if (this.#stream !== null) {
      this.#observer.ended();
      // Broken off here too: never a clean end.
      this.#stream.error(error);
    }
  }

  /** Takes the head in, and says what is wrong with it, if anything is. */
  #readHead(controller: Controller, status: number): string | null {
    const raw = controller.rawHeaders ?? [];
    if (status > 599) return "a status that is none";
    if (Array.isArray(raw)) {
      if (raw.length / 2 > this.#limits.maxLines) return "too many header lines";
      for (let index = 0; index + 1 < raw.length; index += 2) {
        this.#headers.push([text(raw[index]).toLowerCase(), text(raw[index + 1])]);
      }
    } else {
      // HTTP/2: names are in lower case, and pseudo-header fields are gone already.
      for (const [name, value] of Object.entries(raw)) {
        if (name.startsWith(":") || value === undefined) continue;
        for (const each of Array.isArray(value) ? value : [value]) {
          this.#headers.push([name, String(each)]);
        }
      }
      if (this.#headers.length > this.#limits.maxLines) return "too many header lines";
    }
    this.#status = status;
    return null;
  }

  #hasNoBody(): boolean {
    return this.#request.method === "HEAD" || this.#status === 204 || this.#status === 205 ||
      this.#status === 304;
  }

  #expectsSmall(): boolean {
    if (this.#hasNoBody()) return false;
    for (const [name, value] of this.#headers) {
      if (name === "content-length") return Number(value) <= SMALL_BYTES;
    }
    return false;
  }

  /** What came with the head as it is, if that was all; else a stream. */
  #body(): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
    const pieces = this.#pieces ?? [];
    if (this.#isWhole) return joined(pieces);
    this.#pieces = null;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller;
        for (const piece of pieces) controller.enqueue(piece);
        if (this.#failure !== null) {
          this.#observer.ended();
          controller.error(this.#failure);
        } else if (pieces.length >= WAITING_PIECES) {
          this.#controller?.pause();
          this.#observer.full();
        }
      },
      pull: () => {
        this.#observer.waiting();
        this.#controller?.resume();
      },
      cancel: () => {
        this.#observer.ended();
        this.#abortedWith ??= STOPPED;
        this.#controller?.abort(STOPPED);
      },
    }, { highWaterMark: WAITING_PIECES });
  }
}

const STOPPED = new Error("nobody reads the answer");

function text(value: unknown): string {
  return typeof value === "string" ? value : (value as Buffer).toString("latin1");
}

function joined(pieces: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
