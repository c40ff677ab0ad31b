/**
 * Opens a WebSocket to an upstream and joins it with the client's.
 *
 * @module
 */
import type { Ask, NoAnswer } from "./ask.ts";
import { framedSocket } from "./framed_socket.ts";
import { acceptOf, newKey, offeredProtocols } from "./handshake.ts";
import type { Lease } from "./pool.ts";
import type { Answer, HeaderPairs, Transports } from "./transport.ts";
import { bridge } from "./web_socket.ts";
import type { RawConnection, SocketEnd } from "./web_socket.ts";

/** A WebSocket to be passed through. */
export interface Connection {
  /** The client's handshake, for the runtime; nothing of it is sent. */
  readonly request: Request;
  /** Path and query as the upstream shall see them. */
  readonly target: string;
  /** For the upstream; the subprotocols on offer among them, the rest of the handshake is ours. */
  readonly headers: HeaderPairs;
  /** What the client may see of the headers of the upstream's `101`. */
  readonly passBack: (headers: HeaderPairs) => HeaderPairs;
  /** Ties the connection to a session; absent on open routes. What it returns unties it. */
  readonly attach: ((end: (code: number, reason: string) => void) => () => void) | null;
}

/** The `101` answer, an ordinary one, or why there is none. */
export type ConnectOutcome =
  | { readonly kind: "open"; readonly response: Response }
  /** The upstream answered, but not with `101`. */
  | { readonly kind: "answered"; readonly answer: Answer }
  | NoAnswer;

/** Opens WebSockets to one upstream. */
export type Connect = (connection: Connection) => Promise<ConnectOutcome>;

/** The handshake's own headers; extensions are not negotiated, so none is offered. */
const HANDSHAKE = "sec-websocket-";
const PROTOCOL = "sec-websocket-protocol";

/** Prepares WebSockets to an upstream. */
export function createConnect(ask: Ask, accept: Transports["acceptWebSocket"]): Connect {
  return async function connect({ request, target, headers, passBack, attach }) {
    const offered = offeredProtocols(
      headers.filter(([name]) => name === PROTOCOL).map(([, value]) => value).join(","),
    );
    const key = newKey();
    const expected = await acceptOf(key);
    const wire = {
      method: "GET",
      target,
      headers: handshakeHeaders(headers, key, offered),
      body: null,
      upgrades: true,
    };
    // The upstream first: its refusal is an ordinary answer, its subprotocol is the client's.
    const asked = await ask(wire, request, null);
    if (asked.kind !== "answered") return asked;
    const { answer, lease } = asked;
    const { connection } = answer;
    if (connection === null) return { kind: "answered", answer };
    let isOpen = false;
    try {
      // A runtime that makes the handshake itself (Workers) has a key of its own.
      const fault = faultOf(answer.headers, isRaw(connection) ? expected : null, offered);
      if (fault !== null) return { kind: "bad_answer", reason: fault };
      const accepted = accept(request, passBack(answer.headers));
      const upstream = isRaw(connection) ? framedSocket(connection) : connection;
      join(accepted.end, upstream, lease, attach);
      isOpen = true;
      return { kind: "open", response: accepted.response };
    } finally {
      if (!isOpen) {
        lease.release();
        if (isRaw(connection)) connection.destroy();
        else connection.close({ code: "lost", reason: "" });
      }
    }
  };
}

function join(
  client: SocketEnd,
  upstream: SocketEnd,
  lease: Lease,
  attach: Connection["attach"],
): void {
  let detach = () => {};
  const joined = bridge(client, upstream, () => {
    detach();
    lease.release();
  });
  if (attach !== null) detach = attach((code, reason) => joined.end(code, reason));
}

function handshakeHeaders(
  headers: HeaderPairs,
  key: string,
  offered: readonly string[],
): HeaderPairs {
  return [
    ...headers.filter(([name]) => !name.startsWith(HANDSHAKE)),
    ["sec-websocket-version", "13"],
    ["sec-websocket-key", key],
    // Some servers, Deno's among them, split the list at comma and space only.
    ...offered.length === 0 ? [] : [[PROTOCOL, offered.join(", ")] as const],
  ];
}

/** What is wrong with the upstream's half of the handshake (RFC 6455 §4.1), if anything is. */
function faultOf(
  headers: HeaderPairs,
  expected: string | null,
  offered: readonly string[],
): string | null {
  let accept: string | null = null;
  for (const [name, value] of headers) {
    if (name === "sec-websocket-accept") accept = value;
    else if (name === "sec-websocket-extensions" && value.trim() !== "") {
      return "an extension that nobody offered";
    } else if (name === PROTOCOL && !offered.includes(value)) {
      return "a subprotocol that nobody offered";
    }
  }
  if (expected === null || accept === expected) return null;
  return "the answer belongs to another handshake";
}

function isRaw(connection: RawConnection | SocketEnd): connection is RawConnection {
  return "write" in connection;
}
