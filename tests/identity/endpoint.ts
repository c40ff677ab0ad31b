/** Login endpoints to test against: real servers on a free local port. */

/** A request as it arrived. */
export interface Arrival {
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
}

/** An endpoint that remembers what reaches it. */
export interface Endpoint extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly Arrival[];
}

/** Serves one handler on 127.0.0.1 until it is disposed of. */
export function serve(handler: () => Response | Promise<Response>): Endpoint {
  const requests: Arrival[] = [];
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, async (request) => {
    const { method, headers } = request;
    requests.push({ method, headers, body: await request.text() });
    return await handler();
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/login`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Answers every connection with the given bytes, then hangs up. */
export function hangUp(bytes: string): Endpoint {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const done = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(65_536));
      await connection.write(new TextEncoder().encode(bytes));
      connection.close();
    }
  })();
  const { port } = listener.addr;
  return {
    url: `http://127.0.0.1:${port}/login`,
    requests: [],
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}

/** A local URL at which nobody listens. */
export function nobodyListens(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return `http://127.0.0.1:${port}/login`;
}

/** A body without end; `cancelled` resolves when the reader lets go of it. */
export function endlessBody(
  { chunkBytes, everyMs }: { chunkBytes: number; everyMs: number },
): { body: ReadableStream<Uint8Array<ArrayBuffer>>; cancelled: Promise<void> } {
  const { promise: cancelled, resolve } = Promise.withResolvers<void>();
  const chunk = new Uint8Array(chunkBytes).fill(0x20);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      await new Promise((done) => timer = setTimeout(done, everyMs));
      controller.enqueue(chunk);
    },
    cancel() {
      clearTimeout(timer);
      resolve();
    },
  });
  return { body, cancelled };
}

/** A JWT with this payload, signed by nobody. */
export function jwtOf(payload: string): string {
  return [JSON.stringify({ alg: "HS256", typ: "JWT" }), payload, "signature"]
    .map((part) =>
      new TextEncoder().encode(part).toBase64({ alphabet: "base64url", omitPadding: true })
    )
    .join(".");
}
