/**
 * Bodies that Deno keeps to itself: `Request` has none for GET and HEAD (Fetch
 * §5.4), although HTTP allows one there and Elasticsearch, for one, lives by it.
 *
 * @module
 */

/** `Deno.serve`'s own record of a request, as far as it is used here. */
interface InnerRequest {
  readonly body: { readonly stream: ReadableStream<Uint8Array> } | null;
}

/**
 * The body of a GET or HEAD request of `Deno.serve`; `null` where the runtime
 * gives no way to it. Asked before anything else has looked at `request.body`.
 *
 * Deno's record decides by its method whether it hands the body out, once; for
 * that moment it is told another one. Where a later Deno is built differently
 * this finds nothing, and the request is refused instead of sent without its body.
 */
export function hiddenBody(request: Request): ReadableStream<Uint8Array> | null {
  const symbol = Object.getOwnPropertySymbols(request)
    .find(({ description }) => description === "request");
  if (symbol === undefined) return null;
  const inner = (request as unknown as Record<symbol, unknown>)[symbol];
  if (typeof inner !== "object" || inner === null || !("body" in inner)) return null;
  Object.defineProperty(inner, "method", { value: "POST", configurable: true });
  try {
    return (inner as InnerRequest).body?.stream ?? null;
  } catch {
    return null;
  } finally {
    delete (inner as { method?: unknown }).method;
  }
}
