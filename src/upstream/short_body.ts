/**
 * Short bodies in one piece: handed on as a stream, one takes a runtime longer than the request
 * that brought it.
 *
 * @module
 */
import type { Pieces } from "./bodies.ts";
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
  /** All of it; a stream where there is no whole of it, or nobody could wait. */
  readonly gathered: Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>>;
  readonly #source: Pieces;
  readonly #pieces: Uint8Array[] = [];
  #missing: number;
  #next: ReturnType<Pieces["read"]> | null = null;
  #isOver = false;
  #resolve: (body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>) => void;

  /** @param bytes as declared */
  constructor(source: Pieces, bytes: number) {
    this.#source = source;
    this.#missing = bytes;
    const { promise, resolve } = Promise.withResolvers<
      Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>
    >();
    this.gathered = promise;
    this.#resolve = resolve;
    void this.#gather();
  }

  /** Hands it out as it is: what has come, and what will come. */
  hurry(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#resolve(this.#rest());
  }

  async #gather(): Promise<void> {
    while (this.#missing > 0) {
      this.#next = this.#source.read();
      // Broken off: whoever reads the rest of it finds out.
      const piece = await this.#next.catch(() => null);
      if (this.#isOver) return;
      if (piece?.value === undefined) return this.hurry();
      this.#next = null;
      this.#pieces.push(piece.value);
      this.#missing -= piece.value.byteLength;
    }
    this.#isOver = true;
    this.#resolve(joined(this.#pieces));
  }

  #rest(): ReadableStream<Uint8Array> {
    const source = this.#source;
    const pieces = this.#pieces;
    let next = this.#next;
    let missing = this.#missing;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const piece = pieces.shift();
        if (piece !== undefined) return controller.enqueue(piece);
        const reading = next ?? source.read();
        next = null;
        const { value } = await reading;
        if (value !== undefined) {
          missing -= value.byteLength;
          controller.enqueue(value);
        } else if (missing > 0) {
          throw new TypeError("the body is not as long as it was said to be");
        } else controller.close();
      },
      async cancel(reason) {
        await source.cancel(reason);
      },
    }, { highWaterMark: 0 });
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [first] = pieces;
  // Nobody shares memory with what came over the network.
  if (first !== undefined && pieces.length === 1) return first as Uint8Array<ArrayBuffer>;
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
