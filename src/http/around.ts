/**
 * What the endpoint groups share: the request's surroundings, and how a
 * failure leaves the house.
 *
 * @module
 */
import type { WaitUntil } from "../base/background.ts";
import type { AuditEvent, EventSink } from "../telemetry/events.ts";
import type { ClientInfo } from "./client_address.ts";
import type { RequestTrace } from "./trace.ts";

/** What a runtime's entry knows of a connection; Hono hands it to us as `env`. */
export interface ConnectionInfo {
  /** Address of the peer, or of the client where the platform says so (Workers). */
  readonly remoteAddress: string;
  /** Keeps background work alive after the answer has been sent. */
  readonly waitUntil: WaitUntil;
}

/** The surroundings of one request. */
export interface Surroundings {
  readonly client: ClientInfo;
  readonly trace: RequestTrace;
  readonly waitUntil: WaitUntil;
  /** Code of the problem it was turned away with; `null`: it was not. */
  readonly refusal: string | null;
  /** Writes an audit event about this request. */
  emit(event: AuditEvent): void;
}

/** Builds {@link Surroundings}. */
export function surroundingsOf(
  client: ClientInfo,
  trace: RequestTrace,
  waitUntil: WaitUntil,
  sink: EventSink,
): Surroundings {
  return new Known(client, trace, waitUntil, sink);
}

class Known implements Surroundings {
  readonly #sink: EventSink;
  refusal: string | null = null;

  constructor(
    readonly client: ClientInfo,
    readonly trace: RequestTrace,
    readonly waitUntil: WaitUntil,
    sink: EventSink,
  ) {
    this.#sink = sink;
  }

  emit(event: AuditEvent): void {
    const { trace, client } = this;
    if (event.event === "denied") this.refusal = event.code;
    this.#sink(event, {
      requestId: trace.requestId,
      clientAddress: client.address,
      traceId: trace.traceparent.slice(3, 35),
    });
  }
}
