/**
 * A client on a bare socket: it sends any bytes, and shows an answer as it was
 * on the wire: every header line by itself, interim answers, and how it ended.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";

/** A request to be put together; what is absent is not sent, `Host` aside. */
export interface WireRequest {
  readonly method?: string;
  readonly target?: string;
  /** `null`: no `Host` line at all. */
  readonly host?: string | null;
  /** Lines such as `"X-A: 1"`; one character a byte. */
  readonly headers?: readonly string[];
  /** Sent with a `Content-Length` unless a header line frames it. */
  readonly body?: string;
  readonly version?: string;
}

/** One answer as it came. */
export interface WireAnswer {
  /** 0 when nothing came. */
  readonly status: number;
  /** Header lines in order; names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The first value of a header, or `null`. */
  get(name: string): string | null;
  all(name: string): string[];
  /** The body without its framing, read as UTF-8. */
  readonly text: string;
  /** The same, one character a byte. */
  readonly body: string;
  /** Statuses of the 1xx answers before it, with their heads. */
  readonly interim: readonly { readonly status: number; readonly head: string }[];
  /** Whether the body came to the end that its framing promised. */
  readonly complete: boolean;
  /** Everything, one character a byte. */
  readonly raw: string;
}

/** The bytes of a request; a text is taken as it is. */
export function wireBytes(request: WireRequest | string, host: string): string {
  if (typeof request === "string") return request;
  const { method = "GET", target = "/", headers = [], body, version = "HTTP/1.1" } = request;
  const lines = [`${method} ${target} ${version}`];
  if (request.host !== null) lines.push(`Host: ${request.host ?? host}`);
  lines.push(...headers);
  const framed = headers.some((line) => /^(content-length|transfer-encoding)\s*:/i.test(line));
  if (body !== undefined && !framed) lines.push(`Content-Length: ${body.length}`);
  return [...lines, "", ""].join("\r\n") + (body ?? "");
}

/** One connection, kept open until it is closed. */
export interface WireConnection {
  readonly socket: Socket;
  send(text: string): void;
  /** Reads the next answer: to its end by its framing, or until the time is over. */
  next(options?: { readonly method?: string; readonly limitMs?: number }): Promise<WireAnswer>;
  /** Everything that has come and is not part of an answer yet. */
  pending(): string;
  /** Resolves when the other side has closed, or the time is over. */
  closed(limitMs: number): Promise<boolean>;
  /** Hangs up without further words. */
  hangUp(): void;
}

/** Opens a connection to a port of this machine. */
export async function openWire(port: number): Promise<WireConnection> {
  const socket = connect({ host: "127.0.0.1", port });
  let pending = "";
  let ended = false;
  let wake = () => {};
  socket.on("data", (data: Uint8Array) => {
    pending += Buffer.from(data).toString("latin1");
    wake();
  });
  const over = () => {
    ended = true;
    wake();
  };
  socket.on("end", over);
  socket.on("close", over);
  socket.on("error", over);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });

  async function more(deadline: number): Promise<boolean> {
    const left = deadline - performance.now();
    if (ended || left <= 0) return false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      timer = setTimeout(resolve, left);
    });
    clearTimeout(timer);
    return true;
  }

  return {
    socket,
    send(text) {
      socket.write(Buffer.from(text, "latin1"));
    },
    pending: () => pending,
    async next({ method = "GET", limitMs = 15_000 } = {}) {
      const deadline = performance.now() + limitMs;
      while (true) {
        const parsed = readAnswer(pending, method, ended);
        if (parsed !== null) {
          pending = parsed.rest;
          return parsed.answer;
        }
        if (!await more(deadline)) {
          const answer = unfinished(pending);
          pending = "";
          return answer;
        }
      }
    },
    async closed(limitMs) {
      const deadline = performance.now() + limitMs;
      while (!ended && await more(deadline));
      return ended;
    },
    hangUp() {
      socket.destroy();
    },
  };
}

/** Sends one request on a connection of its own and reads its answer. */
export async function exchange(
  port: number,
  request: WireRequest | string,
  options: { readonly host?: string; readonly limitMs?: number } = {},
): Promise<WireAnswer> {
  const wire = await openWire(port);
  const text = wireBytes(request, options.host ?? "localhost");
  try {
    wire.send(text);
    return await wire.next({
      method: text.slice(0, text.indexOf(" ")),
      ...(options.limitMs === undefined ? {} : { limitMs: options.limitMs }),
    });
  } finally {
    wire.hangUp();
  }
}

interface Head {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly text: string;
  readonly end: number;
}

function readHead(raw: string, from: number): Head | null {
  const end = raw.indexOf("\r\n\r\n", from);
  if (end < 0) return null;
  const text = raw.slice(from, end);
  const [line = "", ...fields] = text.split("\r\n");
  const headers = fields.map((field): readonly [string, string] => {
    const colon = field.indexOf(":");
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  });
  return { status: Number(line.split(" ")[1] ?? 0), headers, text, end: end + 4 };
}

function readAnswer(
  raw: string,
  method: string,
  ended: boolean,
): { readonly answer: WireAnswer; readonly rest: string } | null {
  const interim: { status: number; head: string }[] = [];
  let head = readHead(raw, 0);
  while (head !== null && head.status < 200 && head.status !== 101) {
    interim.push({ status: head.status, head: head.text });
    head = readHead(raw, head.end);
  }
  if (head === null) return null;
  const value = (name: string) => head.headers.find(([key]) => key === name)?.[1];
  const finish = (body: string, end: number, complete = true) => ({
    answer: answerOf(head, interim, body, raw.slice(0, end), complete),
    rest: raw.slice(end),
  });
  if (method === "HEAD" || [101, 204, 304].includes(head.status)) return finish("", head.end);
  if (/chunked/i.test(value("transfer-encoding") ?? "")) {
    let body = "";
    for (let at = head.end;;) {
      const line = raw.indexOf("\r\n", at);
      const size = line < 0 ? NaN : parseInt(raw.slice(at, line), 16);
      const after = line + 2 + size;
      if (!(raw.length >= after + 2)) return ended ? finish(body, raw.length, false) : null;
      body += raw.slice(line + 2, after);
      at = after + 2;
      if (size === 0) return finish(body, at);
    }
  }
  const length = value("content-length");
  if (length !== undefined) {
    const end = head.end + Number(length);
    if (raw.length >= end) return finish(raw.slice(head.end, end), end);
    return ended ? finish(raw.slice(head.end), raw.length, false) : null;
  }
  return ended ? finish(raw.slice(head.end), raw.length) : null;
}

/** What is there of an answer that has not ended in time. */
function unfinished(raw: string): WireAnswer {
  const head = readHead(raw, 0) ?? { status: 0, headers: [], text: "", end: raw.length };
  return answerOf(head, [], raw.slice(head.end), raw, false);
}

function answerOf(
  head: Head,
  interim: WireAnswer["interim"],
  body: string,
  raw: string,
  complete: boolean,
): WireAnswer {
  const all = (name: string) =>
    head.headers.filter(([key]) => key === name).map(([, value]) => value);
  return {
    status: head.status,
    headers: head.headers,
    get: (name) => all(name)[0] ?? null,
    all,
    body,
    text: Buffer.from(body, "latin1").toString("utf8"),
    interim,
    complete,
    raw,
  };
}
