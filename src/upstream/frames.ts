/**
 * Frames of a WebSocket as its client reads and writes them (RFC 6455 §5), made
 * of bytes and nothing else.
 *
 * @module
 */

/** What arrived. */
export type Arrival =
  | { readonly kind: "text"; readonly data: string }
  | { readonly kind: "binary"; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly kind: "ping"; readonly data: Uint8Array<ArrayBuffer> }
  /** `code` is `null` where there was none (§7.1.5). */
  | { readonly kind: "close"; readonly code: number | null; readonly reason: string }
  /** The peer breaks the rules: close with this code, and read no further. */
  | { readonly kind: "violation"; readonly code: 1002 | 1007 | 1009; readonly reason: string };

/** Frame types (§5.2). */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Whether a close frame may carry a code (§7.4, and the IANA registry's). */
export function isSendableCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999);
}

const MAX_CONTROL_BYTES = 125;

/** So many fragments a message may have, and more only where they are this long on average. */
const MANY_FRAGMENTS = 4_096;
const FRAGMENT_BYTES = 16;

/** Text as it is written, without the byte order mark being eaten. */
const DECODE = { fatal: true, ignoreBOM: true } as const;

/** Writes a frame that is whole and masked, as a client has to (§5.3). */
export function encodeFrame(opcode: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = 2 + extended + 4;
  const frame = new Uint8Array(start + length);
  frame[0] = 0x80 | opcode;
  const view = new DataView(frame.buffer);
  if (extended === 0) frame[1] = 0x80 | length;
  else if (extended === 2) {
    frame[1] = 0x80 | 126;
    view.setUint16(2, length);
  } else {
    frame[1] = 0x80 | 127;
    view.setBigUint64(2, BigInt(length));
  }
  const mask = frame.subarray(start - 4, start);
  crypto.getRandomValues(mask);
  for (let index = 0; index < length; index++) {
    frame[start + index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0);
  }
  return frame;
}

/** Reads the frames of a server out of bytes that come in any pieces. */
export class FrameReader {
  readonly #maxMessageBytes: number;
  /** Bytes that have come and are not read yet. */
  #pieces: Uint8Array[] = [];
  #available = 0;
  /** The head of the frame whose payload is awaited. */
  #head: { readonly opcode: number; readonly fin: boolean; readonly length: number } | null = null;
  /** Of the message that is under way: one growing piece, for fragments are many at will. */
  #message = new Uint8Array();
  #fragmentCount = 0;
  #messageOpcode = 0;
  #messageBytes = 0;
  #isOver = false;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Takes bytes; {@link next} tells of what is whole with them. */
  add(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#pieces.push(bytes);
    this.#available += bytes.length;
  }

  /** The next arrival, or `null` when more bytes have to come first. */
  next(): Arrival | null {
    while (!this.#isOver) {
      const arrival = this.#step();
      if (arrival === "more") return null;
      if (arrival === "nothing") continue;
      if (arrival.kind === "violation" || arrival.kind === "close") this.#isOver = true;
      return arrival;
    }
    return null;
  }

  #step(): Arrival | "more" | "nothing" {
    const head = this.#head ?? this.#readHead();
    if (head === "more" || "kind" in head) return head;
    this.#head = head;
    if (this.#available < head.length) return "more";
    this.#head = null;
    const payload = this.#take(head.length);
    return head.opcode >= OPCODE.close
      ? control(head.opcode, payload)
      : this.#addToMessage(head.opcode, head.fin, payload);
  }

  #readHead() {
    const start = this.#peek(2);
    if (start === null) return "more";
    const [first = 0, second = 0] = start;
    const opcode = first & 0x0f;
    const fin = (first & 0x80) !== 0;
    if ((first & 0x70) !== 0) return violation(1002, "a reserved bit is set");
    if ((second & 0x80) !== 0) return violation(1002, "a server's frame is masked");
    let length = second & 0x7f;
    if (opcode >= OPCODE.close) {
      if (opcode > OPCODE.pong) return violation(1002, "an unknown opcode");
      if (!fin || length > MAX_CONTROL_BYTES) return violation(1002, "a control frame is too long");
    } else if (opcode > OPCODE.binary) {
      return violation(1002, "an unknown opcode");
    } else if ((opcode === OPCODE.continuation) === (this.#messageOpcode === 0)) {
      return violation(1002, "a fragment is out of place");
    }
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    if (extended !== 0) {
      const bytes = this.#peek(2 + extended);
      if (bytes === null) return "more";
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      length = extended === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
    }
    if (opcode < OPCODE.close && this.#messageBytes + length > this.#maxMessageBytes) {
      return violation(1009, "a message is too large");
    }
    this.#take(2 + extended);
    return { opcode, fin, length };
  }

  #addToMessage(
    opcode: number,
    fin: boolean,
    payload: Uint8Array<ArrayBuffer>,
  ): Arrival | "nothing" {
    if (opcode !== OPCODE.continuation) this.#messageOpcode = opcode;
    const isWhole = fin && this.#fragmentCount === 0;
    if (!isWhole) this.#append(payload);
    if (this.#fragmentCount > MANY_FRAGMENTS + this.#messageBytes / FRAGMENT_BYTES) {
      return violation(1009, "a message is in too many pieces");
    }
    if (!fin) return "nothing";
    const whole = isWhole ? payload : this.#message.slice(0, this.#messageBytes);
    const isText = this.#messageOpcode === OPCODE.text;
    this.#message = new Uint8Array();
    this.#fragmentCount = 0;
    this.#messageBytes = 0;
    this.#messageOpcode = 0;
    if (!isText) return { kind: "binary", data: whole };
    const data = decoded(whole);
    return data === null ? violation(1007, "a text is not UTF-8") : { kind: "text", data };
  }

  #append(payload: Uint8Array): void {
    const bytes = this.#messageBytes + payload.length;
    if (bytes > this.#message.length) {
      const larger = new Uint8Array(Math.max(bytes, 2 * this.#message.length));
      larger.set(this.#message.subarray(0, this.#messageBytes));
      this.#message = larger;
    }
    this.#message.set(payload, this.#messageBytes);
    this.#messageBytes = bytes;
    this.#fragmentCount++;
  }

  /** The next bytes in one piece, left where they are; `null` if they have not all come. */
  #peek(count: number): Uint8Array | null {
    if (this.#available < count) return null;
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= count) return first;
    const all = joined(this.#pieces, this.#available);
    this.#pieces = [all];
    return all;
  }

  #take(count: number): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(count);
    let filled = 0;
    let used = 0;
    while (filled < count) {
      const piece = this.#pieces[used];
      if (piece === undefined) throw new RangeError("not enough bytes");
      const part = piece.subarray(0, count - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length === piece.length) used++;
      else this.#pieces[used] = piece.subarray(part.length);
    }
    if (used > 0) this.#pieces.splice(0, used);
    this.#available -= count;
    return taken;
  }
}

function control(opcode: number, payload: Uint8Array<ArrayBuffer>): Arrival | "nothing" {
  if (opcode === OPCODE.ping) return { kind: "ping", data: payload };
  if (opcode === OPCODE.pong) return "nothing";
  if (payload.length === 0) return { kind: "close", code: null, reason: "" };
  if (payload.length === 1) return violation(1002, "half a close code");
  const code = new DataView(payload.buffer).getUint16(0);
  if (!isSendableCode(code)) return violation(1002, "a close code that nobody may send");
  const reason = decoded(payload.subarray(2));
  return reason === null
    ? violation(1007, "a reason is not UTF-8")
    : { kind: "close", code, reason };
}

function violation(code: 1002 | 1007 | 1009, reason: string): Arrival & { kind: "violation" } {
  return { kind: "violation", code, reason };
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", DECODE).decode(bytes);
  } catch {
    return null;
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
