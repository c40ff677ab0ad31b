/**
 * What is counted and logged about each request that was passed on.
 *
 * @module
 */
import type { Inbound } from "../http/inbound.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { VerifiedToken } from "../tokens/claims.ts";

/** Notes an answer. `beganAtMs` is on the monotonic clock. */
export type NoteAnswer = (
  inbound: Inbound,
  beganAtMs: number,
  upstream: string,
  status: number,
  token: VerifiedToken | null,
) => void;

/** Prepares {@link NoteAnswer}. `logsAccess`: each request gets a line in the log, too. */
export function createNoteAnswer(
  { metrics, logsAccess }: {
    readonly metrics: Pick<Metrics, "proxied">;
    readonly logsAccess: boolean;
  },
): NoteAnswer {
  return function noteAnswer({ method, target, around }, beganAtMs, upstream, status, token) {
    metrics.proxied(upstream, status);
    if (!logsAccess) return;
    around.emit({
      event: "request",
      method,
      path: target.path,
      upstream,
      status,
      durationMs: Math.round((performance.now() - beganAtMs) * 10) / 10,
      ...(token === null ? {} : { subject: token.subject }),
    });
  };
}
