/**
 * WebSocket pass-through: two ends, one on each side of the gateway, joined so
 * that messages, close codes and sudden deaths cross (RFC 6455).
 *
 * @module
 */

/** A message: text, or bytes. */
export type Message = string | Uint8Array<ArrayBuffer>;

/** How an end was closed. `null`: without a code (RFC 6455 §7.1.5, 1005); `"lost"`: cut (1006). */
export interface Closure {
  readonly code: number | "lost" | null;
  readonly reason: string;
}

/** What an end tells of. */
export interface SocketListener {
  message(data: Message): void;
  /** Once. */
  closed(closure: Closure): void;
}

/** One open end. */
export interface SocketEnd {
  /** Begins to deliver; messages that came before are delivered first. */
  listen(on: SocketListener): void;
  send(data: Message): void;
  /** Bytes taken by `send` and not yet on their way. */
  bufferedBytes(): number;
  /** Starts the closing handshake, or cuts the connection where it was lost on the other side. */
  close(closure: Closure): void;
  /** Stops delivering, so that the peer is slowed down by TCP; absent where the runtime can not. */
  readonly pause?: () => void;
  readonly resume?: () => void;
}

/** A bare connection that has become a WebSocket; paused until somebody listens. */
export interface RawConnection {
  listen(on: { bytes(data: Uint8Array): void; closed(): void }): void;
  write(data: Uint8Array): void;
  /** Bytes taken by `write` and not yet on their way. */
  bufferedBytes(): number;
  pause(): void;
  resume(): void;
  /** Sends what is left, then ends. */
  end(): void;
  /** Ends at once. */
  destroy(): void;
}

/** Close codes of ours; 4000 to 4999 are private use (RFC 6455 §7.4.2). */
export const CLOSE_CODE = {
  /** The session was revoked or the access token has expired: sign in again. */
  unauthorized: 4401,
  /** The upstream's connection was lost. */
  upstreamLost: 1011,
  /** Nobody can say at the moment whether the session stands, or a peer reads too slowly. */
  tryAgainLater: 1013,
} as const;

/** An end that is paused resumes when this much is left on the other side. */
const LOW_WATER_BYTES = 64 * 1024;
/** The other end is paused when this much waits for a slow reader. */
const HIGH_WATER_BYTES = 1024 * 1024;
/** Where the runtime can not pause, this much may wait before the connection is given up. */
const LIMIT_BYTES = 16 * 1024 * 1024;
/** How soon it is looked whether a slow reader has read; more and more rarely while it has not. */
const DRAIN_CHECK_MS = 20;
const MAX_DRAIN_CHECK_MS = 1_000;
/** A reader that has read nothing for so long does not read: it holds a connection of the upstream. */
const STALLED_MS = 60_000;

const TOO_SLOW = "the other side reads too slowly";

/** A joined pair. */
export interface Bridge {
  /** Closes both sides. */
  end(code: number, reason: string): void;
}

/** Joins two ends. `onClosed` is called once, when both are done for. */
export function bridge(
  client: SocketEnd,
  upstream: SocketEnd,
  onClosed: () => void,
  { stalledMs = STALLED_MS } = {},
): Bridge {
  let closed = false;

  function finish(): boolean {
    if (closed) return false;
    closed = true;
    onClosed();
    return true;
  }

  function end(code: number, reason: string): void {
    if (!finish()) return;
    client.close({ code, reason });
    upstream.close({ code: 1001, reason });
  }

  /** Sends on, and slows the sender down to what the receiver takes. */
  function relay(from: SocketEnd, to: SocketEnd): (data: Message) => void {
    let paused = false;
    let waitingBytes = 0;
    let readAtMs = 0;

    function lookSoon(afterMs: number): void {
      setTimeout(() => resumeWhenDrained(afterMs), afterMs);
    }

    function resumeWhenDrained(waitedMs: number): void {
      if (closed) return;
      const nowMs = performance.now();
      const bytes = to.bufferedBytes();
      if (bytes <= LOW_WATER_BYTES) {
        paused = false;
        from.resume?.();
        return;
      }
      const hasRead = bytes < waitingBytes;
      waitingBytes = bytes;
      if (hasRead) readAtMs = nowMs;
      else if (nowMs - readAtMs >= stalledMs) {
        end(CLOSE_CODE.tryAgainLater, TOO_SLOW);
        return;
      }
      lookSoon(hasRead ? DRAIN_CHECK_MS : Math.min(2 * waitedMs, MAX_DRAIN_CHECK_MS, stalledMs));
    }

    return (data) => {
      if (closed) return;
      // Of what waits already: one large message is no slow reader.
      if (from.pause === undefined && to.bufferedBytes() > LIMIT_BYTES) {
        end(CLOSE_CODE.tryAgainLater, TOO_SLOW);
        return;
      }
      to.send(data);
      if (from.pause !== undefined && !paused && to.bufferedBytes() > HIGH_WATER_BYTES) {
        paused = true;
        from.pause();
        waitingBytes = to.bufferedBytes();
        readAtMs = performance.now();
        lookSoon(DRAIN_CHECK_MS);
      }
    };
  }

  client.listen({
    message: relay(client, upstream),
    closed: (closure) => {
      if (finish()) upstream.close(closure);
    },
  });
  upstream.listen({
    message: relay(upstream, client),
    closed: (closure) => {
      if (!finish()) return;
      client.close(
        closure.code === "lost"
          ? { code: CLOSE_CODE.upstreamLost, reason: "the upstream's connection was lost" }
          : closure,
      );
    },
  });
  return { end };
}

/** `readyState`; the constants have other names on Workers. */
const CONNECTING = 0;
const OPEN = 1;

/** An end made of a standard `WebSocket` (Deno's server side, both sides on Workers). */
export function fromWebSocket(socket: WebSocket): SocketEnd {
  socket.binaryType = "arraybuffer";
  const early: Message[] = [];
  socket.addEventListener("open", () => {
    for (const data of early.splice(0)) socket.send(data);
  });
  return {
    listen(on) {
      socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
        on.message(typeof data === "string" ? data : new Uint8Array(data));
      });
      socket.addEventListener("close", ({ code, reason }) => {
        on.closed({ code: code === 1005 ? null : code === 1006 ? "lost" : code, reason });
      });
      // Always followed by "close", which says the same with a code.
      socket.addEventListener("error", (event) => event.preventDefault());
    },
    send(data) {
      if (socket.readyState === CONNECTING) early.push(data);
      else if (socket.readyState === OPEN) socket.send(data);
    },
    bufferedBytes: () => socket.bufferedAmount ?? 0,
    close({ code, reason }) {
      try {
        if (typeof code === "number") socket.close(code, reason);
        else socket.close();
      } catch {
        // Some runtimes let only 1000 and private codes be sent (WHATWG WebSockets §3.1).
        socket.close();
      }
    },
  };
}
