/**
 * The body of an answer, read whole within a size.
 *
 * @module
 */

/** An answer that can not be used; the message was written here, and so holds no credential. */
export class UnusableAnswerError extends Error {
  override readonly name = "UnusableAnswerError";
  readonly code = "unusable_answer";
}

/**
 * Reads a body to its end.
 *
 * @throws {UnusableAnswerError} when there is none, or more than `maxBytes` after content decoding.
 */
export async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) throw new UnusableAnswerError("the answer has no body");
  const reader = body.getReader();
  // Ends a pending read even where the runtime's body does not listen to the signal.
  const stop = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop);
  try {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.byteLength;
      if (size > maxBytes) {
        stop();
        throw new UnusableAnswerError(`the body is larger than ${maxBytes} bytes`);
      }
      chunks.push(next.value);
    }
    // A cancelled body ends like a complete one, and may even look complete.
    signal.throwIfAborted();
    return joined(chunks, size);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}
