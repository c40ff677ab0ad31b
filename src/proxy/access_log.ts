/**
 * What is counted and logged about each request that was passed on.
 *
 * @module
 */
import type { Inbound } from "../http/inbound.ts";
import type { RequestSpans } from "../http/request_spans.ts";
import type { GatewayMetrics, UpstreamOutcome } from "../telemetry/metrics.ts";
import type { CallerToken } from "../tokens/claims.ts";
import type { Outcome } from "./dispatch.ts";
import type { PreparedRoute } from "./route.ts";

/** What became of a request; times are on the monotonic clock. */
export interface Answered {
  readonly route: PreparedRoute;
  readonly token: CallerToken | null;
  readonly beganAtMs: number;
  /** When the upstream was asked, and when it had answered. */
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
  readonly outcome: Outcome;
}

/** Notes an answer. */
export type NoteAnswer = (inbound: Inbound, status: number, facts: Answered) => void;

/** Prepares {@link NoteAnswer}. `logsAccess`: each request gets a line in the log, too. */
export function createNoteAnswer(
  { metrics, spans, logsAccess }: {
    readonly metrics: Pick<GatewayMetrics, "answered">;
    /** `null`: nobody collects spans. */
    readonly spans: RequestSpans | null;
    readonly logsAccess: boolean;
  },
): NoteAnswer {
  return function noteAnswer({ method, target, around }, status, facts) {
    const { route, token, beganAtMs } = facts;
    const totalMs = facts.answeredAtMs - beganAtMs;
    const upstream = route.upstream.name;
    metrics.answered({
      route: route.pattern,
      upstream,
      method,
      status,
      totalMs,
      upstreamMs: facts.answeredAtMs - facts.sentAtMs,
      outcome: kindOf(facts.outcome),
    });
    spans?.passedOn(around.trace, {
      method,
      route: route.pattern,
      upstream,
      status,
      beganAtMs,
      sentAtMs: facts.sentAtMs,
      answeredAtMs: facts.answeredAtMs,
      error: facts.outcome.kind === "failed" ? facts.outcome.problem.code : null,
    });
    if (!logsAccess) return;
    around.emit({
      event: "request",
      method,
      path: target.path,
      upstream,
      status,
      durationMs: Math.round(totalMs * 10) / 10,
      ...(token === null ? {} : { subject: token.subject }),
    });
  };
}

function kindOf(outcome: Outcome): UpstreamOutcome {
  if (outcome.kind === "ended") return "abandoned";
  if (outcome.kind !== "failed") return "answered";
  switch (outcome.problem.code) {
    case "upstream_timeout":
      return "timeout";
    case "upstream_busy":
      return "busy";
    case "upstream_down":
      return "down";
    case "payload_too_large":
      return "too_large";
    default:
      return outcome.reason === null ? "abandoned" : "unavailable";
  }
}
