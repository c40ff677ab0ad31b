/**
 * Whether a request has a body, and how to get at it.
 *
 * @module
 */
import type { HeaderReader } from "./headers.ts";

/** The body of a request. */
export type RequestBody =
  | { readonly kind: "none" }
  | {
    readonly kind: "body";
    readonly stream: ReadableStream<Uint8Array>;
    /** As declared; `null` when it was not. */
    readonly bytes: number | null;
  }
  /** There is one, and the runtime does not hand it out. */
  | { readonly kind: "unreachable" };

/** The runtime's own way to a body that `Request` hides (GET and HEAD), or `null`. */
export type HiddenBody = (request: Request) => ReadableStream<Uint8Array> | null;

const NONE: RequestBody = { kind: "none" };
const UNREACHABLE: RequestBody = { kind: "unreachable" };

/** The declared length of a body: `null` if none was declared. */
export function declaredBytes(headers: HeaderReader): number | null {
  const length = headers.get("content-length");
  return length !== null && /^\d{1,15}$/.test(length) ? Number(length) : null;
}

/** Whether the headers say that there is a body, or that there is none. */
function declaresBody(headers: HeaderReader): boolean {
  return declaredBytes(headers) !== null || headers.get("transfer-encoding") !== null;
}

/**
 * Reads whether there is a body. Over HTTP/1.1 the headers say so (RFC 9112
 * §6.3): no `Content-Length` and no `Transfer-Encoding` is no body, whatever
 * stream the runtime hands out. Over HTTP/2 only the first piece does; a promise
 * only then. What tells the two apart is the `Host`, which HTTP/2 may have as well
 * (RFC 9113 §8.3.1): it is believed for GET and HEAD, which are the many.
 */
export function readRequestBody(
  request: Request,
  headers: HeaderReader,
  hiddenBody: HiddenBody,
): RequestBody | Promise<RequestBody> {
  const bytes = declaredBytes(headers);
  if (bytes === 0) return NONE;
  const isDeclared = declaresBody(headers);
  const isHidden = request.method === "GET" || request.method === "HEAD";
  if (!isDeclared && isHidden && headers.get("host") !== null) return NONE;
  const stream = isHidden ? hiddenBody(request) ?? request.body : request.body;
  if (isDeclared) return stream === null ? UNREACHABLE : { kind: "body", stream, bytes };
  return stream === null ? NONE : peek(stream);
}

/** Waits for the first piece: without one there is no body. */
async function peek(stream: ReadableStream<Uint8Array>): Promise<RequestBody> {
  const reader = stream.getReader();
  const first = await reader.read().catch(() => null);
  if (first?.done) return NONE;
  // What broke off before it began breaks off again for whoever reads it.
  let next = first?.value ?? null;
  const whole = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (next !== null) {
        controller.enqueue(next);
        next = null;
        return;
      }
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return { kind: "body", stream: whole, bytes: null };
}
