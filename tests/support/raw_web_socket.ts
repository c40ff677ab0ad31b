/**
 * A WebSocket client on a bare socket: it sends any frame, right or wrong, and
 * tells every frame that comes back.
 *
 * @module
 */

/** A frame to be sent; a client's, so masked. */
export interface RawFrame {
  readonly opcode: number;
  readonly payload?: string | Uint8Array;
  readonly fin?: boolean;
  readonly rsv?: number;
  /** Sent in pieces of this many bytes. */
  readonly chop?: number;
}

/** What came back. */
export interface SeenFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** How it went. */
export interface RawOutcome {
  readonly frames: readonly SeenFrame[];
  /** Code of the close frame that came; `null`: none, or one without a code. */
  readonly closeCode: number | null;
  /** Whether a close frame came at all. */
  readonly isClosed: boolean;
  /** Whether the server ended the connection. */
  readonly hasEnded: boolean;
}

const utf8 = new TextEncoder();

/** The bytes of a frame. */
export function frameBytes({ opcode, payload = "", fin = true, rsv = 0 }: RawFrame): Uint8Array {
  const data = typeof payload === "string" ? utf8.encode(payload) : payload;
  const { length } = data;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const bytes = new Uint8Array(2 + extended + 4 + length);
  const view = new DataView(bytes.buffer);
  bytes[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  bytes[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) view.setUint16(2, length);
  if (extended === 8) view.setBigUint64(2, BigInt(length));
  const mask = [0x12, 0x34, 0x56, 0x78];
  const start = 2 + extended;
  bytes.set(mask, start);
  for (let index = 0; index < length; index++) {
    bytes[start + 4 + index] = (data[index] ?? 0) ^ (mask[index & 3] ?? 0);
  }
  return bytes;
}

/** Takes whole frames off the front of what has come. */
function takeFrames(bytes: Uint8Array): { frames: SeenFrame[]; rest: Uint8Array } {
  const frames: SeenFrame[] = [];
  let at = 0;
  while (bytes.length - at >= 2) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (bytes.length - at < 2 + extended) break;
    const length = extended === 0
      ? short
      : extended === 2
      ? view.getUint16(2)
      : Number(view.getBigUint64(2));
    const end = at + 2 + extended + length;
    if (bytes.length < end) break;
    frames.push({
      opcode: (bytes[at] ?? 0) & 0x0f,
      payload: bytes.slice(at + 2 + extended, end),
    });
    at = end;
  }
  return { frames, rest: bytes.slice(at) };
}

/**
 * Sends frames and listens until the server has ended the connection, `enough` is true, or nothing
 * has come for `quietMs`.
 */
export async function exchangeFrames(options: {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly send: readonly RawFrame[];
  readonly enough: (frames: readonly SeenFrame[]) => boolean;
  readonly quietMs: number;
}): Promise<RawOutcome> {
  const { port, host, path, send, enough, quietMs } = options;
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let isOpen = true;
  const close = () => {
    if (isOpen) connection.close();
    isOpen = false;
  };
  const write = async (bytes: Uint8Array) => {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
  };
  const buffer = new Uint8Array(256 * 1024);
  let pieces = new Uint8Array();
  const frames: SeenFrame[] = [];
  let hasEnded = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const quiet = () => {
    clearTimeout(timer);
    timer = setTimeout(close, quietMs);
  };
  try {
    await write(utf8.encode(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ));
    let head = "";
    while (!head.includes("\r\n\r\n")) {
      const one = new Uint8Array(1);
      if (await connection.read(one) === null) throw new Error(`no handshake: ${head}`);
      head += String.fromCharCode(one[0] ?? 0);
    }
    if (!head.startsWith("HTTP/1.1 101")) throw new Error(`no handshake: ${head}`);
    quiet();
    const sending = (async () => {
      for (const frame of send) {
        const bytes = frameBytes(frame);
        const step = frame.chop ?? bytes.length;
        for (let at = 0; at < bytes.length; at += step) await write(bytes.slice(at, at + step));
      }
    })().catch(() => {});
    while (isOpen && !enough(frames)) {
      const count = await connection.read(buffer).catch(() => null);
      if (count === null) {
        hasEnded = isOpen;
        break;
      }
      quiet();
      const all = new Uint8Array(pieces.length + count);
      all.set(pieces);
      all.set(buffer.subarray(0, count), pieces.length);
      // A large message is looked at only now and then, or it would be copied too often.
      const taken = takeFrames(all);
      frames.push(...taken.frames);
      pieces = taken.rest as Uint8Array<ArrayBuffer>;
    }
    close();
    await sending;
  } finally {
    clearTimeout(timer);
    close();
  }
  const last = frames.find(({ opcode }) => opcode === 8);
  return {
    frames,
    closeCode: last !== undefined && last.payload.length >= 2
      ? new DataView(last.payload.buffer).getUint16(0)
      : null,
    isClosed: last !== undefined,
    hasEnded,
  };
}
