/**
 * Outcomes that more than one transport turns into an answer.
 *
 * @module
 */
import type { Surroundings } from "../http/around.ts";
import type { Problem } from "../http/problem.ts";
import type { RefreshOutcome } from "../sessions/sessions.ts";

/** The problem of a refresh that failed; writes the audit event. */
export function refreshProblem(
  outcome: Exclude<RefreshOutcome, { kind: "refreshed" }>,
  around: Surroundings,
): Problem {
  switch (outcome.kind) {
    case "invalid":
      around.emit({ event: "refresh_denied", reason: outcome.failure });
      return { code: outcome.failure === "unknown_key" ? "unknown_key" : "refresh_invalid" };
    case "expired":
      around.emit({ event: "refresh_denied", reason: "expired" });
      return { code: "refresh_expired" };
    case "reused":
      around.emit({ event: "refresh_reused", subject: outcome.subject, sid: outcome.sid });
      return { code: "refresh_reused" };
    case "revoked":
      around.emit({ event: "refresh_denied", reason: "revoked", sid: outcome.sid });
      return { code: "session_revoked" };
    case "unproven":
      around.emit({ event: "binding_failed", reason: "missing", subject: outcome.subject });
      return {
        code: "binding_required",
        detail: "The session is bound to a key, and this request does not prove it.",
        extensions: { bound: outcome.bound.by },
      };
    case "refused": {
      const { subject, sid, reason } = outcome;
      around.emit({ event: "refresh_denied", reason, sid });
      around.emit({ event: "session_revoked", subject, sid });
      return { code: "session_revoked" };
    }
    case "unavailable":
      around.emit({ event: "identity_unavailable", reason: outcome.reason });
      return { code: "identity_unavailable" };
  }
}

/**
 * Whether the cookies are good for nothing after this. A token that can not be read
 * here may be one of a key that has not spread to this instance yet, or of another
 * app on `localhost`: its session goes on elsewhere. So does one whose key was not proven.
 */
export function endsSession({ code }: Problem): boolean {
  return code !== "identity_unavailable" && code !== "store_unavailable" &&
    code !== "refresh_invalid" &&
    code !== "unknown_key" && code !== "binding_required";
}

/** The problem of a throttled sign-in. */
export function tooManyAttempts(retryAfterSeconds: number): Problem {
  return {
    code: "too_many_attempts",
    detail: `Try again in ${describeWait(retryAfterSeconds)}.`,
    retryAfterSeconds,
  };
}

function describeWait(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
