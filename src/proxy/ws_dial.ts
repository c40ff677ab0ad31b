/**
 * Handshakes with upstreams through `ws`: unlike the `WebSocket` of browsers it
 * sends any close code, can be paused, and tells why it was refused.
 *
 * @module
 */
// @ts-types="@types/ws"
import { Buffer } from "node:buffer";
import { WebSocket } from "ws";
import { networkReason } from "../outbound/network_reason.ts";
import type { Closure, DialOutcome, Handshake, Message, SocketEnd } from "./web_socket.ts";

/** A message larger than this ends the connection (1009). */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Bytes of a refusal's body that are passed on. */
const MAX_REFUSAL_BYTES = 64 * 1024;

/** Codes that may be sent in a close frame (RFC 6455 §7.4). */
function isSendable(code: number): boolean {
  return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) ||
    (code >= 3000 && code <= 4999);
}

/** Certificates for one upstream, as PEM. */
export interface DialTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Makes the handshake. */
export function dial(handshake: Handshake, tls: DialTls = {}): Promise<DialOutcome> {
  return new Promise((resolve) => {
    const socket = new WebSocket(
      handshake.url.replace(/^http/, "ws"),
      [...handshake.protocols],
      {
        headers: headersOf(handshake.headers),
        handshakeTimeout: handshake.timeoutMs,
        maxPayload: MAX_MESSAGE_BYTES,
        perMessageDeflate: false,
        followRedirects: false,
        ...tls,
        // Some servers, Deno's among them, split the list at comma and space only.
        finishRequest: (request) => {
          if (handshake.protocols.length > 0) {
            request.setHeader("sec-websocket-protocol", handshake.protocols.join(", "));
          }
          request.end();
        },
      },
    );
    socket.on("open", () => {
      // Nothing may be delivered before the client's half is open too.
      socket.pause();
      resolve({ kind: "open", end: endOf(socket), protocol: socket.protocol });
    });
    socket.on("unexpected-response", (_request, answer) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      answer.on("data", (chunk: Uint8Array) => {
        size += chunk.length;
        if (size <= MAX_REFUSAL_BYTES) chunks.push(chunk);
      });
      answer.on("end", () => {
        resolve({ kind: "refused", response: refusalOf(answer, chunks) });
        socket.terminate();
      });
    });
    socket.on("error", (error: Error) => {
      resolve(
        error.message.includes("handshake has timed out")
          ? { kind: "timeout" }
          : { kind: "unavailable", reason: networkReason(error) },
      );
    });
  });
}

function headersOf(pairs: Handshake["headers"]): Record<string, string> {
  return Object.fromEntries(pairs);
}

function refusalOf(
  answer: { readonly statusCode?: number | undefined; readonly rawHeaders: readonly string[] },
  chunks: readonly Uint8Array[],
): Response {
  const headers = new Headers();
  for (let index = 0; index + 1 < answer.rawHeaders.length; index += 2) {
    const [name, value] = answer.rawHeaders.slice(index, index + 2);
    if (name !== undefined && value !== undefined) headers.append(name, value);
  }
  headers.delete("content-length");
  const status = answer.statusCode ?? 502;
  const body = status === 204 || status === 304 || status < 200 ? null : Buffer.concat(chunks);
  return new Response(body, { status: status < 200 ? 502 : status, headers });
}

function endOf(socket: WebSocket): SocketEnd {
  return {
    listen(on) {
      socket.on(
        "message",
        (data: Uint8Array, isBinary: boolean) => on.message(toMessage(data, isBinary)),
      );
      socket.on("close", (code: number, reason: Uint8Array) => {
        on.closed({
          code: code === 1005 ? null : code === 1006 ? "lost" : code,
          reason: new TextDecoder().decode(reason),
        });
      });
      socket.resume();
    },
    send(data) {
      if (socket.readyState === WebSocket.OPEN) socket.send(data);
    },
    bufferedBytes: () => socket.bufferedAmount,
    close: (closure) => close(socket, closure),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}

function toMessage(data: Uint8Array, isBinary: boolean): Message {
  return isBinary ? new Uint8Array(data) : new TextDecoder().decode(data);
}

function close(socket: WebSocket, { code, reason }: Closure): void {
  if (code === "lost") socket.terminate();
  else if (code === null || !isSendable(code)) socket.close();
  else socket.close(code, reason);
}
