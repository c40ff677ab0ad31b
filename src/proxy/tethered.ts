/**
 * Streams that can be ended from outside while they are being read.
 *
 * @module
 */

/** Media types of answers that go on for as long as somebody listens. */
const ENDLESS =
  /^(?:text\/event-stream|application\/(?:x-ndjson|jsonl|json-seq)|multipart\/x-mixed-replace)\b/i;

/** Whether a content type is that of a stream of events rather than of a document. */
export function isEventStream(contentType: string): boolean {
  return ENDLESS.test(contentType);
}

/**
 * Passes a stream on chunk by chunk. `attach` is called once and gets a
 * function that ends the stream for both sides; what it returns is called when
 * the stream has ended by itself.
 */
export function tethered(
  body: ReadableStream<Uint8Array>,
  attach: (end: () => void) => () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let release = () => {};
  return new ReadableStream<Uint8Array>({
    start(controller) {
      release = attach(() => {
        void reader.cancel().catch(() => {});
        try {
          controller.close();
        } catch {
          // The client has just left.
        }
      });
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (value !== undefined) controller.enqueue(value);
        if (!done) return;
        release();
        controller.close();
      } catch (error) {
        release();
        // An upstream that breaks off breaks off the answer, never a clean end.
        controller.error(error);
      }
    },
    async cancel(reason) {
      release();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
