/**
 * Spans of requests (OpenTelemetry): made of what is known anyway, and of nothing else. There is no
 * field for a path, a query, a header or a person, so that no code and no token can leave in one.
 *
 * @module
 */

/** A span that has ended. Times are on the monotonic clock of `performance`. */
export interface FinishedSpan {
  /** 32 and 16 digits of hex (W3C Trace Context §3.2.2). */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  /** `server`: a request to us; `client`: ours to an upstream. */
  readonly kind: "server" | "client";
  readonly method: string;
  /** The pattern of the route; `null`: it led to none, or to Postern itself. */
  readonly route: string | null;
  readonly upstream: string | null;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  /** HTTP status; `null`: there was no answer. */
  readonly status: number | null;
  /** What went wrong, from a closed list; `null`: nothing. */
  readonly error: string | null;
  /** What was decided about a request to us; `own`: Postern answered it itself. `null`: on ours. */
  readonly decision: "allowed" | "refused" | "own" | null;
}

/** Takes spans; must not throw and must not wait. */
export type SpanSink = (span: FinishedSpan) => void;

/** Both ids of a `traceparent` (W3C Trace Context §3.2). */
export function idsOf(traceparent: string): { readonly traceId: string; readonly spanId: string } {
  return { traceId: traceparent.slice(3, 35), spanId: traceparent.slice(36, 52) };
}

/** Whether the trace is one that is recorded (§3.2.2.5). */
export function isSampled(traceparent: string): boolean {
  return (Number.parseInt(traceparent.slice(53, 55), 16) & 1) === 1;
}
