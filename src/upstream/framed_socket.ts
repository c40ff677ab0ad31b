/**
 * The upstream's end of a WebSocket, on a bare connection: unlike the
 * `WebSocket` of browsers it sends any close code and can be paused.
 *
 * @module
 */
import { encodeFrame, FrameReader, isSendableCode, OPCODE } from "./frames.ts";
import type { Arrival } from "./frames.ts";
import type { Closure, Message, RawConnection, SocketEnd, SocketListener } from "./web_socket.ts";

/** A message larger than this ends the connection (1009). */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** What is told of in one go, before everybody else has a turn; a piece may hold thousands. */
const ARRIVALS_A_TURN = 256;
const TURN_OF_OTHERS_MS = 1;

/** How long a peer may take to answer a close frame. */
const CLOSING_MS = 5_000;

const encoder = new TextEncoder();

/** Speaks WebSocket as a client on `connection`, whose handshake is over. */
export function framedSocket(
  connection: RawConnection,
  maxMessageBytes: number = MAX_MESSAGE_BYTES,
): SocketEnd {
  const reader = new FrameReader(maxMessageBytes);
  let listener: SocketListener | null = null;
  /** Whether a close frame has been sent: nothing may follow it. */
  let isClosing = false;
  let isOver = false;
  let closingTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whoever listens wants nothing for the moment. */
  let isPaused = false;
  /** What has come is still being told of. */
  let isBehind = false;
  let turnTimer: ReturnType<typeof setTimeout> | undefined;

  function tell(closure: Closure): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(closingTimer);
    listener?.closed(closure);
  }

  function sendClose(code: number | null, reason: string): void {
    if (isClosing) return;
    isClosing = true;
    const words = encoder.encode(reason).subarray(0, 123);
    const payload = new Uint8Array(code === null ? 0 : 2 + words.length);
    if (code !== null) {
      new DataView(payload.buffer).setUint16(0, code);
      payload.set(words, 2);
    }
    connection.write(encodeFrame(OPCODE.close, payload));
  }

  function take(arrival: Arrival): void {
    switch (arrival.kind) {
      case "text":
      case "binary":
        if (!isClosing) listener?.message(arrival.data);
        return;
      case "ping":
        if (!isClosing) connection.write(encodeFrame(OPCODE.pong, arrival.data));
        return;
      case "close":
        // The same code back (§5.5.1), then the server closes; we do not wait for it.
        sendClose(arrival.code, "");
        connection.end();
        tell(arrival);
        return;
      case "violation":
        sendClose(arrival.code, arrival.reason);
        connection.end();
        tell({ code: "lost", reason: arrival.reason });
    }
  }

  /** Tells of what has come, up to so much; whether that was all. */
  function takeSome(most: number): boolean {
    for (let taken = 0; taken < most; taken++) {
      const arrival = reader.next();
      if (arrival === null) return true;
      take(arrival);
      if (isPaused) return false;
    }
    return false;
  }

  function goOn(): void {
    clearTimeout(turnTimer);
    if (isPaused || isOver) return;
    if (takeSome(ARRIVALS_A_TURN)) {
      if (isBehind && !isPaused) connection.resume();
      isBehind = false;
      return;
    }
    if (!isBehind) connection.pause();
    isBehind = true;
    if (!isPaused) turnTimer = setTimeout(goOn, TURN_OF_OTHERS_MS);
  }

  return {
    listen(on) {
      listener = on;
      connection.listen({
        bytes(data) {
          reader.add(data);
          if (!isBehind) goOn();
        },
        closed() {
          // What it said before is told before, its close frame above all.
          isPaused = false;
          while (!isOver && !takeSome(ARRIVALS_A_TURN)) isPaused = false;
          tell({ code: "lost", reason: "" });
        },
      });
    },
    send(data: Message) {
      if (isClosing) return;
      connection.write(
        typeof data === "string"
          ? encodeFrame(OPCODE.text, encoder.encode(data))
          : encodeFrame(OPCODE.binary, data),
      );
    },
    bufferedBytes: () => connection.bufferedBytes(),
    close({ code, reason }) {
      if (code === "lost") {
        connection.destroy();
        return;
      }
      sendClose(code !== null && isSendableCode(code) ? code : null, reason);
      closingTimer ??= setTimeout(() => connection.destroy(), CLOSING_MS);
    },
    pause() {
      isPaused = true;
      connection.pause();
    },
    resume() {
      isPaused = false;
      // What came in the meantime is told of first.
      isBehind = true;
      goOn();
    },
  };
}
