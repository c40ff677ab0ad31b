/**
 * Streams that can be ended from outside while they are being read.
 *
 * @module
 */

/** Media types of answers that go on for as long as somebody listens, and may end anywhere. */
const ENDLESS =
  /^(?:text\/event-stream|application\/(?:x-ndjson|jsonl|json-seq)|multipart\/x-mixed-replace)\b/i;

/** Whether a content type is that of a stream of events rather than of a document. */
export function isEventStream(contentType: string): boolean {
  return ENDLESS.test(contentType);
}

/** How a stream ends before its time: as if it were whole, or broken off. */
export type Ending = "close" | "break";

/** Without a stack: it is no fault, and the runtime writes it to its log. */
export const ENDED = Object.assign(new Error("The session behind this answer has ended."), {
  stack: "",
});

/**
 * Passes a stream on, tied to something: `attach` is called once and gets a function
 * that ends the stream for both sides; what it returns is called when it ended by
 * itself. `bytes`: how long it will be; `null` where nobody knows.
 */
export type Tether = (
  body: ReadableStream<Uint8Array>,
  ending: Ending,
  attach: (end: () => void) => () => void,
  bytes: number | null,
) => ReadableStream<Uint8Array>;

/** A {@link Tether} that takes the stream in hand, chunk by chunk. */
export function tethered(
  body: ReadableStream<Uint8Array>,
  ending: Ending,
  attach: (end: () => void) => () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let release = () => {};
  return new ReadableStream<Uint8Array>({
    start(controller) {
      release = attach(() => {
        void reader.cancel().catch(() => {});
        try {
          if (ending === "close") controller.close();
          else controller.error(ENDED);
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
