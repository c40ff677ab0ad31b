/**
 * The body of a request on its way: read once, counted, and asked how far it got.
 *
 * @module
 */

/** What a body is read from, piece by piece. */
export interface Pieces {
  read(): Promise<{ readonly done?: boolean | undefined; readonly value?: Uint8Array | undefined }>;
  cancel(reason?: unknown): unknown;
}

/** Why an upload did not get through. */
export type UploadFailure =
  /** More came than is taken. */
  | "too_large"
  /** The client broke it off, or said another length than it sent. */
  | "broken";

/** So long, and so many, pieces are taken before everybody else is sure to have had a turn. */
const TURN_MS = 4;
const TURN_PIECES = 64;
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
  #isCancelled = false;
  #reader: Pieces | null = null;
  /** When this turn began. */
  #turnBeganMs = performance.now();
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
    return this.begin(null);
  }

  /** `pieceBytes`: how much to ask for at a time, where the runtime hands out less by itself. */
  begin(pieceBytes: number | null): this {
    this.started = true;
    this.#reader ??= pieceBytes === null
      ? this.stream.getReader()
      : inLargePieces(this.stream, pieceBytes);
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const reader = this.#reader;
    if (reader === null) return { done: true, value: undefined };
    this.onProgress();
    if (this.#turnPieces >= TURN_PIECES) await this.#letOthers();
    this.waitsForClient = true;
    let result: Awaited<ReturnType<Pieces["read"]>>;
    try {
      result = await reader.read();
    } catch (error) {
      this.failure ??= "broken";
      throw error;
    } finally {
      this.waitsForClient = false;
    }
    this.onProgress();
    if (result.value === undefined || result.done) {
      if (this.bytes !== null && this.#sentBytes !== this.bytes) {
        this.failure ??= "broken";
        throw new TypeError("the body is not as long as it was said to be");
      }
      if (!this.#isCancelled) this.done = true;
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
    if (performance.now() - this.#turnBeganMs < TURN_MS) return;
    const isFlood = this.#turnBytes < this.#turnPieces * TINY_BYTES;
    const pauseMs = isFlood ? TURN_AFTER_TINY_MS : TURN_OF_OTHERS_MS;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
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
    this.#isCancelled = true;
    if (this.#reader === null) {
      if (!this.stream.locked) void this.stream.cancel().catch(noted);
      return;
    }
    void Promise.resolve(this.#reader.cancel()).catch(noted);
  }

  /**
   * As a stream that counts, for transports that take nothing else. `onBroken` hears of an end
   * before its time before the stream breaks off there: workerd would write it as a good one.
   */
  counted(pieceBytes: number | null = null, onBroken = noted): ReadableStream<Uint8Array> {
    const iterator = this.begin(pieceBytes);
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const { done, value } = await iterator.next();
          if (!done) controller.enqueue(value);
          else if (this.done) controller.close();
          else throw new TypeError("nobody wants the rest of the body");
        } catch (error) {
          onBroken();
          throw error;
        }
      },
      cancel: () => iterator.cancel(),
    }, { highWaterMark: 0 });
  }
}

/** Of a stream of bytes as much at a time as there is; of any other, piece by piece. */
export function inLargePieces(stream: ReadableStream<Uint8Array>, pieceBytes: number): Pieces {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = stream.getReader({ mode: "byob" });
  } catch {
    return stream.getReader();
  }
  return {
    async read() {
      const { done, value } = await reader.read(new Uint8Array(pieceBytes));
      return done ? { done } : { done, value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}
