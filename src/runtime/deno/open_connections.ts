/**
 * WebSockets and event streams that are open: counted, and told to go when the process ends. They
 * would otherwise hold it for as long as somebody listens.
 *
 * @module
 */
import { isEventStream, tethered } from "../../proxy/tethered.ts";
import type { GatewayMetrics } from "../../telemetry/metrics.ts";

/** What is open. */
export interface OpenConnections {
  /** Looks after a socket until it is closed. */
  socket(socket: WebSocket): void;
  /** The same answer; a stream of events ends when it is told to. */
  answer(response: Response): Response;
  /** Tells everything to go: 1001 to WebSockets (RFC 6455 §7.4.1), a clean end to streams. */
  close(): void;
  readonly size: number;
}

/** Close codes that say something of their own; others are a client's or an upstream's choice. */
const REASONS: Readonly<Record<number, string>> = {
  1000: "done",
  1001: "going_away",
  1006: "lost",
  1011: "upstream_lost",
  1013: "try_again_later",
  4401: "session_ended",
};

/** Starts with nothing open. */
export function createOpenConnections(
  metrics: () => Pick<GatewayMetrics, "longLived">,
): OpenConnections {
  const closers = new Set<() => void>();
  let isClosing = false;

  function keep(close: () => void): () => void {
    closers.add(close);
    if (isClosing) queueMicrotask(close);
    return () => closers.delete(close);
  }

  return {
    get size() {
      return closers.size;
    },

    socket(socket) {
      const ended = metrics().longLived("websocket");
      const forget = keep(() => {
        if (socket.readyState === WebSocket.CONNECTING) {
          socket.addEventListener("open", () => socket.close(1001, "going away"));
        } else {
          socket.close(1001, "going away");
        }
      });
      socket.addEventListener("close", ({ code }) => {
        forget();
        ended(REASONS[code] ?? "other");
      });
    },

    answer(response) {
      // Asking for `body` makes a stream of one that is whole, and costs it twice over.
      if (!isEventStream(response.headers.get("content-type") ?? "")) return response;
      const { body } = response;
      if (body === null) return response;
      const ended = metrics().longLived("stream");
      return new Response(
        tethered(body, "close", (end) => {
          const forget = keep(() => {
            forget();
            ended("going_away");
            end();
          });
          return () => {
            forget();
            ended("done");
          };
        }),
        response,
      );
    },

    close() {
      isClosing = true;
      for (const close of closers) close();
    },
  };
}
