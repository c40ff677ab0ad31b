/**
 * Bodies that are looked after while they pass: counted, or watched for pauses.
 *
 * @module
 */

/**
 * Passes a body on and counts it. `onChunk` sees the size of each piece and
 * answers whether the body may go on; where it may not, the stream fails.
 */
export function counted(
  body: ReadableStream<Uint8Array>,
  onChunk: (bytes: number) => boolean,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (value !== undefined) {
        if (!onChunk(value.byteLength)) {
          void reader.cancel().catch(() => {});
          throw new TypeError("the body is too large");
        }
        controller.enqueue(value);
      }
      if (done) controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** Told about the life of a body. */
export interface BodyObserver {
  /** Somebody wants the next piece. */
  waiting(): void;
  /** It has come. */
  arrived(): void;
  /** The body has ended, was broken off or is not wanted any more; called once. */
  ended(): void;
}

/**
 * Passes an answer's body on, and tells when it is waited for: a client that
 * reads slowly is no pause of the upstream.
 */
export function observed(
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
        if (!done) return;
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
