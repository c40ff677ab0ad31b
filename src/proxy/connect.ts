/**
 * Opens a WebSocket to an upstream and joins it with the client's.
 *
 * @module
 */
import type { UpstreamConfig } from "../config/config.ts";
import type { HeaderReader } from "../http/headers.ts";
import type { LifelineCut } from "../sessions/lifeline.ts";
import { passOn } from "./forward.ts";
import type { Pool, Selection } from "./pool.ts";
import { bridge, CLOSE_CODE, offeredProtocols } from "./web_socket.ts";
import type { DialOutcome, Handshake, WebSocketTransport } from "./web_socket.ts";

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
  | Exclude<DialOutcome, { kind: "open" }>
  | Exclude<Selection, { kind: "target" }>;

/** Opens WebSockets to one upstream. */
export type Connect = (connection: Connection) => Promise<ConnectOutcome>;

/** Prepares WebSockets to an upstream. */
export function createConnect(
  upstream: UpstreamConfig,
  transport: WebSocketTransport,
  pool: Pool,
): Connect {
  const { timeoutMs } = upstream;

  return async function connect({ request, incoming, target: path, headers, attach }) {
    const selection = pool.take();
    if (selection.kind !== "target") return selection;
    const { target } = selection;
    let isOpen = false;
    try {
      const handshake: Handshake = {
        url: target.origin + path,
        headers: headers.filter(([name]) => !name.startsWith("sec-websocket-")),
        protocols: offeredProtocols(incoming),
        timeoutMs,
      };
      // The upstream first: its refusal is an ordinary answer, its subprotocol is the client's.
      const dialled = await transport.dial(handshake);
      if (dialled.kind === "unavailable" || dialled.kind === "timeout") {
        target.failed();
        return dialled;
      }
      target.succeeded();
      if (dialled.kind === "refused") {
        return { kind: "refused", response: passOn(dialled.response, attach !== null) };
      }
      const accepted = transport.accept(request, dialled.protocol);

      let detach = () => {};
      const joined = bridge(accepted.end, dialled.end, () => {
        detach();
        target.release();
      });
      isOpen = true;
      if (attach !== null) detach = attach((why) => joined.end(...CLOSURE[why]));
      return { kind: "open", response: accepted.response };
    } finally {
      if (!isOpen) target.release();
    }
  };
}

const CLOSURE: Readonly<Record<LifelineCut, [number, string]>> = {
  expired: [CLOSE_CODE.unauthorized, "token_expired"],
  revoked: [CLOSE_CODE.unauthorized, "session_revoked"],
  unknown: [CLOSE_CODE.tryAgainLater, "store_unavailable"],
};
