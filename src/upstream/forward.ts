/**
 * Forwards a request to an upstream.
 *
 * @module
 */
import type { Ask, NoAnswer } from "./ask.ts";
import type { Client, Tie } from "./attempt.ts";
import { Upload } from "./bodies.ts";
import type { Answer, HeaderPairs } from "./transport.ts";

/** A request that may go out, with its credentials already replaced. */
export interface OutgoingRequest {
  readonly method: string;
  /** Path and query as the upstream shall see them, byte for byte. */
  readonly target: string;
  /**
   * The caller has left nothing in them that must not go out: nothing that
   * belongs to one connection, and no `Content-Length`. `Host` where it is not
   * to be the target's own.
   */
  readonly headers: HeaderPairs;
  readonly body: ReadableStream<Uint8Array> | null;
  /** As declared by the client; `null` when it did not say. Without a body of no account. */
  readonly bodyBytes: number | null;
  /** Larger bodies are broken off. */
  readonly maxBodyBytes: number;
  readonly client: Client;
  /** What ends it before it has an answer; `null`: nothing but time. */
  readonly tie: Tie | null;
}

/** An answer, or why there is none. */
export type ForwardOutcome =
  | { readonly kind: "answered"; readonly answer: Answer }
  | NoAnswer;

/** Forwards to one upstream. */
export type Forward = (request: OutgoingRequest) => Promise<ForwardOutcome>;

/** Prepares forwarding. */
export function createForward(ask: Ask): Forward {
  return function forward({ method, target, headers, body, client, tie, ...sizes }) {
    const upload = body === null ? null : new Upload(body, sizes.bodyBytes, sizes.maxBodyBytes);
    const isTied = tie !== null;
    return ask({ method, target, headers, body: upload, upgrades: false, isTied }, client, tie);
  };
}
