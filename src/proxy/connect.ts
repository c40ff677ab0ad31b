/**
 * Opens a WebSocket to an upstream and joins it with the client's.
 *
 * @module
 */
import type { UpstreamConfig } from "../config/config.ts";
import {
  bridge,
  CLOSE_CODE,
  type DialOutcome,
  type Handshake,
  offeredProtocols,
  type WebSocketTransport,
} from "./web_socket.ts";
import { passOn } from "./forward.ts";
import type { HeaderReader } from "./incoming_headers.ts";
import type { LifelineCut } from "../sessions/lifeline.ts";

/** A WebSocket to be passed through. */
export interface Connection {
  readonly request: Request;
  /** The client's own headers. */
  readonly incoming: HeaderReader;
  /** Normalised path and query. */
  readonly target: string;
  /** For the upstream, credentials already replaced. */
  readonly headers: readonly (readonly [string, string])[];
  /** Ties the connection to a session; absent on open routes. */
  readonly attach: ((cut: (why: LifelineCut) => void) => () => void) | null;
}

/** The `101` answer, or why there is none. */
export type ConnectOutcome =
  | { readonly kind: "open"; readonly response: Response }
  | Exclude<DialOutcome, { kind: "open" }>;

/** Opens WebSockets to one upstream. */
export type Connect = (connection: Connection) => Promise<ConnectOutcome>;

/** Prepares WebSockets to an upstream. */
export function createConnect(upstream: UpstreamConfig, transport: WebSocketTransport): Connect {
  const { targets, timeoutMs } = upstream;
  let turn = 0;

  return async function connect({ request, incoming, target, headers, attach }) {
    const origin = targets[turn++ % targets.length] ?? "";
    const handshake: Handshake = {
      url: origin + target,
      headers: headers.filter(([name]) => !name.startsWith("sec-websocket-")),
      protocols: offeredProtocols(incoming),
      timeoutMs,
    };
    // The upstream first: its refusal is an ordinary answer, its subprotocol is the client's.
    const dialled = await transport.dial(handshake);
    if (dialled.kind === "refused") {
      return {
        kind: "refused",
        response: passOn(dialled.response, attach !== null),
      };
    }
    if (dialled.kind !== "open") return dialled;
    const accepted = transport.accept(request, dialled.protocol);

    let release = () => {};
    const joined = bridge(accepted.end, dialled.end, () => release());
    if (attach !== null) release = attach((why) => joined.end(...CLOSURE[why]));
    return { kind: "open", response: accepted.response };
  };
}

const CLOSURE: Readonly<Record<LifelineCut, [number, string]>> = {
  expired: [CLOSE_CODE.unauthorized, "token_expired"],
  revoked: [CLOSE_CODE.unauthorized, "session_revoked"],
  unknown: [CLOSE_CODE.tryAgainLater, "store_unavailable"],
};
