/**
 * The in-process backend of the demo: answers with JSON of what it received,
 * so that everybody can see what crosses the gateway and what does not.
 *
 * @module
 */

/** The target that stands for the demo upstream; `.internal` names never resolve publicly. */
export const DEMO_TARGET = "http://demo.postern.internal";

/** Wraps a `fetch` so that requests to {@link DEMO_TARGET} are answered in this process. */
export function withDemoUpstream(next: typeof fetch): typeof fetch {
  return function fetchOrDemo(input, init) {
    const url = input instanceof Request ? input.url : String(input);
    if (!url.startsWith(`${DEMO_TARGET}/`)) return next(input, init);
    return answer(new Request(input, init));
  };
}

const MAX_ECHO_BYTES = 64 * 1024;

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const body = await request.text();
  return Response.json({
    message: "This is the demo upstream. Below is everything that it received.",
    method: request.method,
    path: url.pathname + url.search,
    headers: Object.fromEntries(request.headers),
    body: body.slice(0, MAX_ECHO_BYTES),
  });
}
