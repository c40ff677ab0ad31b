/**
 * The spans of one request: ours, and that of the question to the upstream, whose id is in the
 * `traceparent` that the upstream gets.
 *
 * @module
 */
import { type FinishedSpan, idsOf, isSampled, type SpanSink } from "../telemetry/spans.ts";
import type { RequestTrace } from "./trace.ts";

/** A request that was passed on; times are on the monotonic clock. */
export interface PassedOn {
  readonly method: string;
  readonly route: string;
  readonly upstream: string;
  readonly status: number;
  readonly beganAtMs: number;
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
  /** Code of the problem; `null`: the upstream answered. */
  readonly error: string | null;
}

/** Makes spans of requests. */
export interface RequestSpans {
  passedOn(trace: RequestTrace, request: PassedOn): void;
  /** It found a route, whatever is decided then. */
  matched(trace: RequestTrace, route: string): void;
  /**
   * Any request; does nothing for one that was {@link RequestSpans.passedOn}. `refusal` is the code
   * of the problem that it was turned away with.
   */
  answered(
    trace: RequestTrace,
    method: string,
    status: number,
    beganAtMs: number,
    refusal: string | null,
  ): void;
}

/** Prepares the spans. What a trusted caller does not record is not recorded here either. */
export function createRequestSpans(sink: SpanSink): RequestSpans {
  const told = new WeakSet<RequestTrace>();
  const routes = new WeakMap<RequestTrace, string>();

  function serverSpan(
    trace: RequestTrace,
    facts: Omit<FinishedSpan, "traceId" | "spanId" | "parentId" | "kind" | "endedAtMs">,
  ): FinishedSpan {
    return {
      ...facts,
      traceId: idsOf(trace.traceparent).traceId,
      spanId: trace.spanId,
      parentId: trace.parentId,
      kind: "server",
      endedAtMs: performance.now(),
    };
  }

  return {
    passedOn(trace, request) {
      if (!isSampled(trace.traceparent)) return;
      told.add(trace);
      const { method, route, upstream, status, beganAtMs, error } = request;
      sink({
        ...idsOf(trace.traceparent),
        parentId: trace.spanId,
        kind: "client",
        method,
        route: null,
        upstream,
        beganAtMs: request.sentAtMs,
        endedAtMs: request.answeredAtMs,
        status: error === null ? status : null,
        error: error ?? (status >= 400 ? String(status) : null),
        decision: null,
      });
      const failed = error ?? (status >= 500 ? String(status) : null);
      const facts = { method, route, upstream, status, beganAtMs, error: failed };
      sink(serverSpan(trace, { ...facts, decision: "allowed" }));
    },

    matched: (trace, route) => void routes.set(trace, route),

    answered(trace, method, status, beganAtMs, refusal) {
      if (told.has(trace) || !isSampled(trace.traceparent)) return;
      const error = refusal ?? (status >= 500 ? String(status) : null);
      const route = routes.get(trace) ?? null;
      const decision = refusal === null ? "own" : "refused";
      sink(
        serverSpan(trace, { method, route, upstream: null, status, beganAtMs, error, decision }),
      );
    },
  };
}
