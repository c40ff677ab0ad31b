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
  /** Any request; does nothing for one that was {@link RequestSpans.passedOn}. */
  answered(trace: RequestTrace, method: string, status: number, beganAtMs: number): void;
}

/** Prepares the spans. What a trusted caller does not record is not recorded here either. */
export function createRequestSpans(sink: SpanSink): RequestSpans {
  const told = new WeakSet<RequestTrace>();

  function serverSpan(
    trace: RequestTrace,
    facts: Pick<FinishedSpan, "method" | "route" | "upstream" | "status" | "beganAtMs" | "error">,
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
      });
      const failed = error ?? (status >= 500 ? String(status) : null);
      sink(serverSpan(trace, { method, route, upstream, status, beganAtMs, error: failed }));
    },

    answered(trace, method, status, beganAtMs) {
      if (told.has(trace) || !isSampled(trace.traceparent)) return;
      const error = status >= 500 ? String(status) : null;
      sink(serverSpan(trace, { method, route: null, upstream: null, status, beganAtMs, error }));
    },
  };
}
