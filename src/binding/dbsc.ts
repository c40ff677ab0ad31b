/**
 * The words of Device Bound Session Credentials (https://www.w3.org/TR/dbsc/), as
 * Chromium 156 speaks them: headers, and what a browser is told of its session.
 *
 * @module
 */
import { DEVICE_ALGORITHMS } from "./device.ts";

/** Carries a browser's proof, in a request. */
export const RESPONSE_HEADER = "secure-session-response";
/** Names the session that a browser refreshes. */
export const SESSION_ID_HEADER = "sec-secure-session-id";
/** Gives a browser the next challenge, in an answer. */
export const CHALLENGE_HEADER = "secure-session-challenge";
/** Says why a browser sent a request without having refreshed its session first. */
export const SKIPPED_HEADER = "secure-session-skipped";

/** Asks a browser to bind its session, in an answer. */
export const REGISTRATION_HEADER = "secure-session-registration";

/** The value of {@link REGISTRATION_HEADER}. */
export function registration(path: string, challenge: string): string {
  return `(${DEVICE_ALGORITHMS.join(" ")});path="${path}";challenge="${challenge}"`;
}

/** The value of {@link CHALLENGE_HEADER}; `id` is the session's, once it has one. */
export function challengeHeader(challenge: string, id: string | null): string {
  return id === null ? `"${challenge}"` : `"${challenge}";id="${id}"`;
}

/** Reasons of {@link SKIPPED_HEADER} (draft, "Secure-Session-Skipped"); others are `other`. */
export type SkippedReason = "unreachable" | "server_error" | "quota_exceeded" | "other";

/** The reasons that a header names: one for each session that was skipped. */
export function skippedReasons(header: string): readonly SkippedReason[] {
  return header.split(",", MAX_SKIPPED).map((each) => {
    const reason = each.split(";", 1)[0]?.trim();
    return reason === "unreachable" || reason === "server_error" || reason === "quota_exceeded"
      ? reason
      : "other";
  });
}

/** A browser has a session or two here; whoever writes more is none. */
const MAX_SKIPPED = 8;

/** Requests that wait for a refresh, or that do not. */
export interface ScopeRule {
  readonly type: "include" | "exclude";
  /** Of the path, up to a `/`. */
  readonly path: string;
}

/** What a browser is told of its session (draft, "JSON Session Instruction Format"). */
export function sessionInstructions(options: {
  readonly identifier: string;
  readonly refreshPath: string;
  readonly origin: string;
  /** Later ones win. */
  readonly rules: readonly ScopeRule[];
  readonly cookie: { readonly name: string; readonly attributes: string };
}): object {
  const { identifier, refreshPath, origin, rules, cookie } = options;
  const { hostname } = new URL(origin);
  return {
    session_identifier: identifier,
    refresh_url: refreshPath,
    scope: {
      origin,
      include_site: false,
      scope_specification: rules.map(({ type, path }) => ({ type, domain: hostname, path })),
    },
    credentials: [{ type: "cookie", ...cookie }],
  };
}

/** Ends a browser's binding. */
export const SESSION_OVER = { continue: false };
