/**
 * The body of a request on its way: read once, counted, and asked how far it got.
 *
 * @module
 */

/** Why an upload did not get through. */
export type UploadFailure =
  /** More came than is taken. */
  | "too_large"
  /** The client broke it off, or said another length than it sent. */
  | "broken";

/** So long pieces are taken one after the other before everybody else has a turn. */
const TURN_MS = 4;
/** Not at once: runtimes look after their sockets when they have nothing else to do. */
const TURN_OF_OTHERS_MS = 1;
/** Pieces smaller than this on average are a flood: others have most of the time then. */
const TINY_BYTES = 128;
const TURN_AFTER_TINY_MS = 4 * TURN_MS;

/** Told when another piece went on its way. */
export type OnProgress = () => void;

const noted: OnProgress = () => {};

/**
 * A request body. It is given to a transport, which reads it piece by piece as
 * the upstream takes it, or takes the stream as it is.
 */
export class Upload implements AsyncIterator<Uint8Array> {
  /** Whether anything may have been read of it: then it can not be sent again. */
  started = false;
  /** Whether all of it is on its way. */
  done = false;
  /** Whether it is the client whom everybody waits for. */
  waitsForClient = false;
  failure: UploadFailure | null = null;
  #sentBytes = 0;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  /** When this turn began: the last time that anybody had to wait. */
  #turnBeganMs = 0;
  #turnPieces = 0;
  #turnBytes = 0;
  onProgress: OnProgress = noted;

  /**
   * @param stream as the client sends it
   * @param bytes as declared; `null` when it was not
   * @param maxBytes more breaks it off
   */
  constructor(
    readonly stream: ReadableStream<Uint8Array>,
    readonly bytes: number | null,
    readonly maxBytes: number,
  ) {}

  /** For transports that read it themselves. */
  [Symbol.asyncIterator](): this {
    this.started = true;
    this.#reader ??= this.stream.getReader();
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const reader = this.#reader;
    if (reader === null) return { done: true, value: undefined };
    this.onProgress();
    await this.#letOthers();
    this.waitsForClient = true;
    let result: ReadableStreamReadResult<Uint8Array>;
    const askedAtMs = performance.now();
    try {
      result = await reader.read();
      const cameAtMs = performance.now();
      if (cameAtMs - askedAtMs > TURN_OF_OTHERS_MS) this.#beginTurn();
    } catch (error) {
      this.failure ??= "broken";
      throw error;
    } finally {
      this.waitsForClient = false;
    }
    this.onProgress();
    if (result.done) {
      if (this.bytes !== null && this.#sentBytes !== this.bytes) {
        this.failure ??= "broken";
        throw new TypeError("the body is not as long as it was said to be");
      }
      this.done = true;
      return { done: true, value: undefined };
    }
    this.#turnPieces++;
    this.#turnBytes += result.value.byteLength;
    this.#sentBytes += result.value.byteLength;
    if (this.#sentBytes > this.maxBytes) {
      this.failure ??= "too_large";
      this.cancel();
      throw new TypeError("the body is too large");
    }
    // Nobody asks for what follows the last byte, so that is known here.
    if (this.#sentBytes === this.bytes) this.done = true;
    return { done: false, value: result.value };
  }

  /**
   * What has come already is handed out without anybody else having a turn: a client that sends
   * a megabyte of chunks of one byte would hold everybody up for seconds.
   */
  async #letOthers(): Promise<void> {
    if (this.#turnBeganMs === 0) this.#beginTurn();
    if (performance.now() - this.#turnBeganMs < TURN_MS) return;
    const isFlood = this.#turnBytes < this.#turnPieces * TINY_BYTES;
    const pauseMs = isFlood ? TURN_AFTER_TINY_MS : TURN_OF_OTHERS_MS;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    this.#beginTurn();
  }

  #beginTurn(): void {
    this.#turnBeganMs = performance.now();
    this.#turnPieces = 0;
    this.#turnBytes = 0;
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Nobody wants the rest: the client may stop sending. */
  cancel(): void {
    if (this.#reader === null) {
      if (!this.stream.locked) void this.stream.cancel().catch(noted);
      return;
    }
    void this.#reader.cancel().catch(noted);
  }

  /** As a stream that counts, for transports that take nothing else. */
  counted(): ReadableStream<Uint8Array> {
    const iterator = this[Symbol.asyncIterator]();
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => iterator.cancel(),
    }, { highWaterMark: 0 });
  }
}
