/**
 * The port to the network: sends one request to one target and hands back the
 * head of its answer. Adapters stand where their runtime is.
 *
 * @module
 */
import type { Upload } from "./bodies.ts";
import type { UpstreamOptions } from "./options.ts";
import type { RawConnection, SocketEnd } from "./web_socket.ts";

/** Name and value of each header line, in order; names in lower case where they come from a peer. */
export type HeaderPairs = readonly (readonly [string, string])[];

/** A request as it goes out: nothing is added to it but what the connection itself needs. */
export interface WireRequest {
  readonly method: string;
  /** Origin form (RFC 9112 §3.2.1), byte for byte. */
  readonly target: string;
  /** Without `Content-Length`, which the body knows; `Host` only where it is not the target's. */
  readonly headers: HeaderPairs;
  readonly body: Upload | null;
  /** Whether to ask for a WebSocket; `Connection` and `Upgrade` are the transport's to write. */
  readonly upgrades: boolean;
  /** Whether its answer will be held in hand, so that a short one had better come in one piece. */
  readonly isTied?: boolean;
}

/** The head of an answer, and its body: whole, in pieces, or none. */
export interface Answer {
  /** 200 to 599, or 101 with a `connection`; anything else is a failure (`bad_answer`). */
  readonly status: number;
  readonly headers: HeaderPairs;
  readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  /** The bare connection of a 101, or the runtime's own end of the WebSocket that it opened. */
  readonly connection: RawConnection | SocketEnd | null;
}

/** Told how an answer's body that is a stream goes on. */
export interface BodyObserver {
  /** Somebody wants the next piece, and it has not come yet. */
  waiting(): void;
  /** It has come. */
  arrived(): void;
  /** More has come than was asked for: it is the client that everybody waits for. */
  full(): void;
  /** Whole, broken off, or not wanted any more; called once. */
  ended(): void;
}

/** One request under way. */
export interface Exchange {
  /** Resolves once {@link answer} can be asked. @throws {TransportError} */
  readonly headed: Promise<void>;
  /** Takes the answer out; once. */
  answer(): Answer;
  /** Breaks everything off, at any time. `headed` rejects if it has not resolved yet. */
  abort(reason: Error): void;
  /** The head has been waiting for a small body long enough: hands it out without. */
  hurry(): void;
}

/** Connections to one target; idle ones end by themselves after a while. */
export interface Transport {
  send(request: WireRequest, observer: BodyObserver): Exchange;
}

/** A client's half of a WebSocket that its upstream has already accepted. */
export interface AcceptedSocket {
  readonly end: SocketEnd;
  /** The `101` answer; return it as it is. */
  readonly response: Response;
}

/** What a runtime brings along to reach upstreams. */
export interface Transports {
  /** Connections to one target of an upstream. */
  open(target: string, options: UpstreamOptions): Transport;
  /** Answers the client's handshake; `headers` are those of the upstream's `101`. */
  acceptWebSocket(request: Request, headers: HeaderPairs): AcceptedSocket;
  /** One line for each setting that this runtime has no means to follow. */
  refusals(options: UpstreamOptions): readonly string[];
  /**
   * Whether no request may touch a timer of another, a request may be dropped
   * without a word, and bodies cross as they are only when nobody reads them
   * (Workers). Pauses in a body are then the platform's to end.
   */
  readonly isolatesRequests: boolean;
}

/** Why a transport has no answer. */
export type TransportFailure =
  /** No connection came about: nothing was sent. */
  | "unreachable"
  /** No connection in time: nothing was sent. */
  | "connect_timeout"
  /** The connection was cut before the head of an answer was whole. */
  | "cut"
  /** What came is no HTTP, or more than is taken. */
  | "bad_answer"
  /** The request can not be written as it is; the target was not asked. */
  | "unsendable"
  /** The runtime has no words for it; the target was not asked. */
  | "unsupported";

/** A failure with words that may be logged: none that a client or a URL brought along. */
export class TransportError extends Error {
  override name = "TransportError";
  constructor(readonly failure: TransportFailure, readonly reason: string) {
    super(reason);
  }
}
