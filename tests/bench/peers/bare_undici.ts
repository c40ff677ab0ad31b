/** The least that a proxy on Deno can do with undici: no check at all. */
import { Pool } from "undici";
import type { Dispatcher } from "undici";

const pool = new Pool(Deno.env.get("UPSTREAM") ?? "", { pipelining: 1, allowH2: false });

/** Hands out the answer when it is whole; nothing is streamed. */
class Whole implements Dispatcher.DispatchHandler {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #status = 0;
  readonly #headers = new Headers();
  constructor(readonly resolve: (response: Response) => void) {}
  onRequestStart(): void {}
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
    const raw = controller.rawHeaders as Uint8Array[];
    for (let index = 0; index + 1 < raw.length; index += 2) {
      this.#headers.append(String(raw[index]), String(raw[index + 1]));
    }
  }
  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#chunks.push(chunk as Uint8Array<ArrayBuffer>);
  }
  onResponseEnd(): void {
    this.#headers.delete("connection");
    this.#headers.delete("keep-alive");
    const init = { status: this.#status, headers: this.#headers };
    this.resolve(new Response(this.#chunks[0] ?? null, init));
  }
  onResponseError(): void {
    this.resolve(new Response(null, { status: 502 }));
  }
}

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.env.get("PORT")), onListen() {} },
  (request) => {
    const { url } = request;
    const headers: string[] = [];
    for (const [name, value] of request.headers) {
      if (name !== "host" && name !== "connection") headers.push(name, value);
    }
    return new Promise<Response>((resolve) => {
      pool.dispatch({
        method: request.method as Dispatcher.HttpMethod,
        path: url.slice(url.indexOf("/", 8)),
        headers,
      }, new Whole(resolve));
    });
  },
);
