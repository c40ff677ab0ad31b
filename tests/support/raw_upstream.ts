/**
 * A backend on a bare socket: it keeps every byte that arrives and answers byte
 * for byte what it is told to.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";

/** A request as its bytes came in. */
export interface RawRequest {
  /** Connections are numbered from 1. */
  readonly connection: number;
  /** The head as it came, without the empty line at its end; one character a byte. */
  readonly head: string;
  readonly method: string;
  /** The request target, raw. */
  readonly target: string;
  /** The header lines in order, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Values of one header, in order. */
  all(name: string): string[];
  /** The first value of a header, or `null`. */
  get(name: string): string | null;
  /** The body without its framing, filled while it arrives; one character a byte. */
  readonly body: string;
  /** Everything of it: head, framing and body, one character a byte. */
  readonly bytes: string;
  /** Resolves when the body has come, or the connection is gone. */
  readonly whole: Promise<"whole" | "broken">;
}

/** Writes an answer: bytes as text, or by hand on the socket. */
export type RawAnswerer = (
  request: RawRequest,
  socket: Socket,
) => string | null | undefined | void | Promise<string | null | undefined | void>;

/** A running raw backend. */
export interface RawUpstream {
  readonly url: string;
  readonly port: number;
  readonly seen: RawRequest[];
  /** Changes how it answers; what gives nothing back is answered with {@link plain}. */
  answer(answerer: RawAnswerer): void;
  /** The last request, which must be there. */
  last(): RawRequest;
  /** Everything that ever arrived, as one text. */
  everything(): string;
  forget(): void;
  stop(): Promise<void>;
}

/** An answer with a length. */
export function plain(body = "ok", headers: readonly string[] = [], status = "200 OK"): string {
  return [`HTTP/1.1 ${status}`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers, "", ""]
    .join("\r\n") + Buffer.from(body).toString("latin1");
}

class Exchange implements RawRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly whole: Promise<"whole" | "broken">;
  body = "";
  bytes: string;
  settle: (how: "whole" | "broken") => void = () => {};
  /** What of the body is still to come: a number of bytes, or chunks. */
  #left: number | "chunks";
  #pending = "";

  constructor(readonly connection: number, readonly head: string) {
    const [line = "", ...fields] = head.split("\r\n");
    const [method = "", target = ""] = line.split(" ");
    this.method = method;
    this.target = target;
    this.headers = fields.map((field) => {
      const colon = field.indexOf(":");
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    });
    this.bytes = `${head}\r\n\r\n`;
    this.whole = new Promise((resolve) => this.settle = resolve);
    const chunked = /chunked/i.test(this.get("transfer-encoding") ?? "");
    this.#left = chunked ? "chunks" : Number(this.get("content-length") ?? 0);
  }

  all(name: string): string[] {
    return this.headers.filter(([key]) => key === name).map(([, value]) => value);
  }

  get(name: string): string | null {
    return this.all(name)[0] ?? null;
  }

  /** Takes what belongs to the body; gives back what came after it, or `null` if more is to come. */
  take(data: string): string | null {
    if (this.#left === "chunks") return this.#takeChunks(data);
    const part = data.slice(0, this.#left);
    this.body += part;
    this.bytes += part;
    this.#left -= part.length;
    return this.#left === 0 ? data.slice(part.length) : null;
  }

  #takeChunks(data: string): string | null {
    this.#pending += data;
    while (true) {
      const end = this.#pending.indexOf("\r\n");
      if (end < 0) return null;
      const size = parseInt(this.#pending.slice(0, end), 16);
      const after = end + 2 + size + 2;
      if (this.#pending.length < after) return null;
      this.bytes += this.#pending.slice(0, after);
      this.body += this.#pending.slice(end + 2, end + 2 + size);
      this.#pending = this.#pending.slice(after);
      if (size === 0) return this.#pending;
    }
  }
}

/** Starts a raw backend on 127.0.0.1. */
export async function startRawUpstream(answerer: RawAnswerer = () => {}): Promise<RawUpstream> {
  const seen: RawRequest[] = [];
  const sockets = new Set<Socket>();
  let answers = answerer;
  let connections = 0;
  let everything = "";

  const server = createServer((socket) => {
    const connection = ++connections;
    let pending = "";
    let current: Exchange | null = null;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      current?.settle("broken");
    });
    socket.on("data", (data: Uint8Array) => {
      const text = Buffer.from(data).toString("latin1");
      everything += text;
      pending += text;
      while (true) {
        if (current === null) {
          const end = pending.indexOf("\r\n\r\n");
          if (end < 0) return;
          current = new Exchange(connection, pending.slice(0, end));
          pending = pending.slice(end + 4);
          seen.push(current);
          void reply(current, socket);
        }
        const rest: string | null = current.take(pending);
        pending = rest ?? "";
        if (rest === null) return;
        current.settle("whole");
        current = null;
      }
    });
  });

  async function reply(request: RawRequest, socket: Socket): Promise<void> {
    const text = await answers(request, socket);
    if (text === null) return;
    if (text === undefined) await request.whole;
    socket.write(Buffer.from(text ?? plain(), "latin1"));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    answer(next) {
      answers = next;
    },
    last() {
      const last = seen.at(-1);
      if (last === undefined) throw new Error("nothing has reached the upstream");
      return last;
    },
    everything: () => everything,
    forget() {
      seen.length = 0;
      everything = "";
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
