/**
 * What is counted about people: sign-ins, refusals, refreshes, and what their providers were asked.
 *
 * @module
 */
import type { AuditEvent } from "./events.ts";
import type { Meter } from "./meter.ts";

/** The buckets of the OpenTelemetry HTTP conventions, in seconds. */
export const HTTP_SECONDS = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.075,
  0.1,
  0.25,
  0.5,
  0.75,
  1,
  2.5,
  5,
  7.5,
  10,
];

/** What became of an attempt to sign in. */
export type SignInResult = "accepted" | "rejected" | "throttled" | "unavailable";

/** What a provider can be asked. */
export type OidcOperation = "authorize" | "exchange" | "refresh" | "logout_token" | "end_session";

/** What is to be told about people. */
export interface PeopleMetrics {
  event(event: AuditEvent): void;
  signIn(source: string, result: SignInResult, durationMs: number): void;
  /** A browser was sent to sign in, because of the problem with this code. */
  readonly sentToSignIn: (code: string) => void;
  /** There is such a provider: what counts its failures is there before the first of them. */
  provider(name: string): void;
  /** A provider was asked something. */
  oidc(provider: string, operation: OidcOperation, result: string): void;
  /** A logout token came from a provider, and could not be looked at. */
  backChannelLogoutFailed(provider: string): void;
}

/** Creates the counters. */
export function peopleInstruments(meter: Meter): PeopleMetrics {
  const events = meter.counter({
    name: "postern_auth_events_total",
    help: "Audit events.",
    labels: ["event"],
  });
  const denials = meter.counter({
    name: "postern_denied_total",
    help: "Requests turned away, by problem code.",
    labels: ["code"],
  });
  const refreshes = meter.counter({
    name: "postern_refreshes_total",
    help: "Exchanges of refresh tokens, by outcome.",
    labels: ["result"],
  });
  // A counter that is first seen at 1 has never risen, as `increase()` sees it.
  for (const result of REFRESH_RESULTS) refreshes({ result })(0);
  const signIns = meter.counter({
    name: "postern_sign_ins_total",
    help: "Attempts to sign in, by source and outcome.",
    labels: ["source", "result"],
  });
  const signInDuration = meter.histogram({
    name: "postern_sign_in_duration_seconds",
    help: "How long an identity source took to decide.",
    labels: ["source"],
    buckets: HTTP_SECONDS,
  });

  const redirects = meter.counter({
    name: "postern_login_redirects_total",
    help: "Browsers that were sent to sign in, by the code of what was wrong.",
    labels: ["reason"],
  });
  const { provider, oidc, logout } = providerInstruments(meter);

  return {
    sentToSignIn: (reason) => redirects({ reason })(1),
    provider,
    oidc,
    backChannelLogoutFailed: (provider) => logout({ provider, result: "unavailable" })(1),
    event(event) {
      if (event.event === "request") return;
      if (event.event === "provider_logout") {
        logout({ provider: event.provider, result: "accepted" })(1);
      }
      if (event.event === "provider_logout_refused") {
        logout({ provider: event.provider, result: "refused" })(1);
      }
      events({ event: event.event })(1);
      if (event.event === "denied") denials({ code: event.code })(1);
      const result = refreshResult(event);
      if (result !== null) refreshes({ result })(1);
    },
    signIn(source, result, durationMs) {
      signIns({ source, result })(1);
      signInDuration({ source })(durationMs / 1000);
    },
  };
}

const LOGOUT_RESULTS = ["accepted", "refused", "unavailable"] as const;

function providerInstruments(meter: Meter) {
  const questions = meter.counter({
    name: "postern_oidc_requests_total",
    help: "Questions to OpenID providers, by operation and outcome.",
    labels: ["provider", "operation", "result"],
  });
  const logout = meter.counter({
    name: "postern_back_channel_logouts_total",
    help: "Logout tokens of OpenID providers, by outcome.",
    labels: ["provider", "result"],
  });
  return {
    logout,
    // A counter that is first seen at 1 has never risen, as `increase()` sees it.
    provider(name: string) {
      for (const result of LOGOUT_RESULTS) logout({ provider: name, result })(0);
      for (const operation of ["authorize", "exchange"]) {
        questions({ provider: name, operation, result: "unavailable" })(0);
      }
    },
    oidc: (provider: string, operation: OidcOperation, result: string) =>
      questions({ provider, operation, result })(1),
  };
}

const REFRESH_RESULTS = ["rotated", "replayed", "denied", "reused"] as const;

function refreshResult(event: AuditEvent): (typeof REFRESH_RESULTS)[number] | null {
  switch (event.event) {
    case "refresh":
      return event.replayed ? "replayed" : "rotated";
    case "refresh_denied":
      return "denied";
    case "refresh_reused":
      return "reused";
    default:
      return null;
  }
}
