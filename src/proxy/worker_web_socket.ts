/**
 * WebSockets on Workers: upstreams are dialled with `fetch`, clients get one end
 * of a `WebSocketPair`.
 *
 * @module
 */
import { networkReason } from "../outbound/network_reason.ts";
import { fromWebSocket } from "./web_socket.ts";
import type { SocketEnd, WebSocketTransport } from "./web_socket.ts";

/** What Workers add to the standard. */
type WorkerSocket = WebSocket & { accept(): void };
type UpgradedResponse = Response & { readonly webSocket: WorkerSocket | null };
type PairConstructor = new () => { readonly 0: WorkerSocket; readonly 1: WorkerSocket };

/** WebSockets the Workers way. */
export const workerWebSocket: WebSocketTransport = {
  async dial({ url, headers, protocols, timeoutMs }) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    try {
      const response = await fetch(url, {
        headers: [
          ...headers.map(([name, value]): [string, string] => [name, value]),
          ["upgrade", "websocket"],
          ...(protocols.length === 0
            ? []
            : [["sec-websocket-protocol", protocols.join(", ")] satisfies [string, string]]),
        ],
        redirect: "manual",
        signal: abort.signal,
      }) as UpgradedResponse;
      if (response.webSocket === null) return { kind: "refused", response };
      return {
        kind: "open",
        end: endOf(response.webSocket),
        protocol: response.headers.get("sec-websocket-protocol") ?? "",
      };
    } catch (error) {
      if (abort.signal.aborted) return { kind: "timeout" };
      return { kind: "unavailable", reason: networkReason(error) };
    } finally {
      clearTimeout(timer);
    }
  },

  accept(_request, protocol) {
    const { WebSocketPair } = globalThis as unknown as { WebSocketPair: PairConstructor };
    const pair = new WebSocketPair();
    const init: ResponseInit & { webSocket: WebSocket } = {
      status: 101,
      webSocket: pair[0],
      headers: protocol === "" ? {} : { "sec-websocket-protocol": protocol },
    };
    return { end: endOf(pair[1]), response: new Response(null, init) };
  },
};

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
