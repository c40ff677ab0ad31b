/**
 * A backend that remembers what reached it.
 *
 * @module
 */

/** A request as the upstream saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query, raw. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A running upstream. */
export interface RecordingUpstream {
  readonly url: string;
  readonly seen: SeenRequest[];
  stop(): Promise<void>;
}

/**
 * Starts an upstream on 127.0.0.1. By default it answers with JSON of what it
 * saw; `handler` may answer differently, and falls through with `null`.
 */
export function startUpstream(
  handler: (request: Request, seen: SeenRequest) => Response | Promise<Response> | null = () =>
    null,
): RecordingUpstream {
  const seen: SeenRequest[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const target = request.url.slice(request.url.indexOf("/", 8));
      const streams = target.startsWith("/stream") || target.startsWith("/upload");
      const record: SeenRequest = {
        method: request.method,
        target,
        headers: new Headers(request.headers),
        body: streams ? "" : await request.text(),
      };
      seen.push(record);
      const answer = handler(request, record);
      if (answer !== null) return await answer;
      return Response.json({
        method: record.method,
        target,
        headers: Object.fromEntries(record.headers),
        body: record.body,
      });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    seen,
    stop: () => server.shutdown(),
  };
}
