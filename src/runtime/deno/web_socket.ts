/**
 * The client's half of a WebSocket on Deno.
 *
 * @module
 */
import type { Transports } from "../../upstream/transport.ts";
import { fromWebSocket } from "../../upstream/web_socket.ts";
import type { SocketEnd } from "../../upstream/web_socket.ts";
import type { OpenConnections } from "./open_connections.ts";
import { paceOf } from "./paced_socket.ts";
import type { Pace } from "./paced_socket.ts";

/** By then a close frame has been written, or never will be. */
const CLOSE_IS_OUT_MS = 100;

/** Prepares accepting; `open` hears of each socket. */
export function createAccept(
  open: Pick<OpenConnections, "socket"> | undefined,
): Transports["acceptWebSocket"] {
  return function acceptWebSocket(request, headers) {
    const { socket, response } = Deno.upgradeWebSocket(request);
    const pace = paceOf(socket);
    open?.socket(socket);
    // The subprotocol among them: Deno's own option takes a list with comma and space only.
    for (const [name, value] of headers) response.headers.append(name, value);
    const end = fromWebSocket(socket);
    return { end: pace === null ? end : paced(end, pace), response };
  };
}

function paced(end: SocketEnd, pace: Pace): SocketEnd {
  return {
    ...end,
    listen(on) {
      end.listen({
        message(data) {
          on.message(data);
          pace.messageDone();
        },
        closed: on.closed,
      });
    },
    close(closure) {
      end.close(closure);
      // Its answer is to be read, whatever else is not. Not at once: Deno cuts the connection at
      // the first message that it reads by then, and our close frame has to be out before.
      setTimeout(pace.resume, CLOSE_IS_OUT_MS);
    },
    pause: pace.pause,
    resume: pace.resume,
  };
}
