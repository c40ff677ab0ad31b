/**
 * The client's half of a WebSocket on Deno.
 *
 * @module
 */
import type { Transports } from "../../upstream/transport.ts";
import { fromWebSocket } from "../../upstream/web_socket.ts";
import type { OpenConnections } from "./open_connections.ts";

/** Prepares accepting; `open` hears of each socket. */
export function createAccept(
  open: Pick<OpenConnections, "socket"> | undefined,
): Transports["acceptWebSocket"] {
  return function acceptWebSocket(request, headers) {
    const { socket, response } = Deno.upgradeWebSocket(request);
    open?.socket(socket);
    // The subprotocol among them: Deno's own option takes a list with comma and space only.
    for (const [name, value] of headers) response.headers.append(name, value);
    return { end: fromWebSocket(socket), response };
  };
}
