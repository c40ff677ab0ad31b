/**
 * A connection of `node:net` that a handshake has made ours.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import type { RawConnection } from "../../upstream/web_socket.ts";

/** As the port has it. */
export function rawConnection(socket: Duplex): RawConnection {
  // Nothing may be delivered before the client's half is open too.
  socket.pause();
  // Until somebody listens it may fail in silence; "close" follows in any case.
  socket.on("error", () => {});
  return {
    listen(on) {
      socket.on("data", (data: Uint8Array) => on.bytes(data));
      socket.on("end", () => socket.end());
      if (socket.destroyed) queueMicrotask(() => on.closed());
      else socket.on("close", () => on.closed());
      socket.resume();
    },
    write(data) {
      if (!socket.destroyed && socket.writable) socket.write(data);
    },
    bufferedBytes: () => socket.writableLength,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}
