/**
 * Short bodies in one piece: handed on as a stream, one takes a runtime longer than the request
 * that brought it.
 *
 * @module
 */
import type { HeaderPairs } from "./transport.ts";

/** Longer ones are handed on as they come. */
export const SHORT_BYTES = 64 * 1024;

/**
 * How many bytes whoever reads a body will get, as declared; `null`: nobody said, or it is compressed,
 * so that a runtime may decode what is read.
 */
export function readLength(headers: HeaderPairs): number | null {
  let length: number | null = null;
  for (const [name, value] of headers) {
    if (name === "content-encoding") return null;
    if (name === "content-length" && /^\d{1,15}$/.test(value)) length = Number(value);
  }
  return length;
}

/** The {@link readLength} of a body that may be read whole; `null`: it is long, or nobody knows. */
export function shortLength(headers: HeaderPairs): number | null {
  const length = readLength(headers);
  return length !== null && length <= SHORT_BYTES ? length : null;
}

/** A body that is being read whole, for as long as somebody can wait for it. */
export class ShortBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #pieces: Uint8Array<ArrayBuffer>[] = [];
  #missing: number;
  #next: Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> | null = null;
  #isHandedOut = false;

  /** @param bytes as declared */
  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>, bytes: number) {
    this.#reader = body.getReader();
    this.#missing = bytes;
  }

  /** All of it; `null` where there is no whole of it, or {@link rest} was asked for before. */
  async whole(): Promise<Uint8Array<ArrayBuffer> | null> {
    while (this.#missing > 0) {
      this.#next = this.#reader.read();
      // Broken off: whoever reads the rest of it finds out.
      const piece = await this.#next.catch(() => null);
      if (this.#isHandedOut || piece === null || piece.done) return null;
      this.#next = null;
      this.#pieces.push(piece.value);
      this.#missing -= piece.value.byteLength;
    }
    return joined(this.#pieces);
  }

  /** What has come so far and what will come, as a stream; once. */
  rest(): ReadableStream<Uint8Array> {
    this.#isHandedOut = true;
    const reader = this.#reader;
    const pieces = this.#pieces;
    let next = this.#next;
    let missing = this.#missing;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const piece = pieces.shift();
        if (piece !== undefined) return controller.enqueue(piece);
        const reading = next ?? reader.read();
        next = null;
        const { done, value } = await reading;
        if (!done) {
          missing -= value.byteLength;
          controller.enqueue(value);
        } else if (missing > 0) {
          throw new TypeError("the body is not as long as it was said to be");
        } else controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
  }
}

function joined(pieces: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
