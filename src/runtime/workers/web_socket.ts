/**
 * WebSockets on Workers: `fetch` opens those to upstreams, clients get one end
 * of a `WebSocketPair`.
 *
 * @module
 */
import type { AcceptedSocket, HeaderPairs } from "../../upstream/transport.ts";
import { fromWebSocket } from "../../upstream/web_socket.ts";
import type { SocketEnd } from "../../upstream/web_socket.ts";

/** What Workers add to the standard. */
type WorkerSocket = WebSocket & { accept(): void };
type UpgradedResponse = Response & { readonly webSocket?: WorkerSocket | null };
type PairConstructor = new () => { readonly 0: WorkerSocket; readonly 1: WorkerSocket };

/** The end of the WebSocket that a `fetch` has opened, if it has. */
export function takeWebSocket(response: Response): SocketEnd | null {
  const { webSocket } = response as UpgradedResponse;
  return webSocket ? endOf(webSocket) : null;
}

/** Accepts the handshake; the headers of the upstream's `101` ride on ours. */
export function acceptWebSocket(_request: Request, headers: HeaderPairs): AcceptedSocket {
  const { WebSocketPair } = globalThis as unknown as { WebSocketPair: PairConstructor };
  const pair = new WebSocketPair();
  const init: ResponseInit & { webSocket: WebSocket } = { status: 101, webSocket: pair[0] };
  const response = new Response(null, init);
  for (const [name, value] of headers) response.headers.append(name, value);
  return { end: endOf(pair[1]), response };
}

/** Nothing is delivered before `accept`, so that no message is lost. */
function endOf(socket: WorkerSocket): SocketEnd {
  const end = fromWebSocket(socket);
  return {
    ...end,
    listen(on) {
      end.listen(on);
      socket.accept();
    },
  };
}
