/**
 * What the endpoint groups share: the request's surroundings, and how a
 * failure leaves the house.
 *
 * @module
 */
import type { Context } from "hono";
import type { WaitUntil } from "../base/background.ts";
import { StoreUnavailableError } from "../base/errors.ts";
import type { Presenter } from "../base/presenter.ts";
import { CookieTooLargeError } from "../browser/cookies.ts";
import type { ClientInfo } from "../proxy/client.ts";
import type { RequestTrace } from "../proxy/trace.ts";
import type { AuditEvent, EventSink } from "../telemetry/events.ts";
import { problemResponse } from "./problem.ts";
import type { Problem } from "./problem.ts";

/** What a runtime's entry knows of a connection; Hono hands it to us as `env`. */
export interface ConnectionInfo {
  /** Address of the peer, or of the client where the platform says so (Workers). */
  readonly remoteAddress: string;
  /** Keeps background work alive after the answer has been sent. */
  readonly waitUntil: WaitUntil;
}

/** Hono's type parameters for this application. */
export interface GatewayEnv {
  Bindings: ConnectionInfo;
  Variables: { around: Surroundings };
}

/** The surroundings of one request. */
export interface Surroundings {
  readonly client: ClientInfo;
  readonly trace: RequestTrace;
  readonly waitUntil: WaitUntil;
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
  return {
    client,
    trace,
    waitUntil,
    emit: (event) => sink(event, { requestId: trace.requestId, clientAddress: client.address }),
  };
}

/** Who is at the other end of this request, for what is asked or recorded on their behalf. */
export function presenterOf(
  headers: { get(name: string): string | null },
  signal: AbortSignal,
  { client, trace }: Surroundings,
): Presenter {
  return {
    device: { userAgent: headers.get("user-agent") ?? "", ip: client.address },
    requestId: trace.requestId,
    signal,
  };
}

/** The problem answer of this request. */
export function fail(c: Context<GatewayEnv>, problem: Problem): Response {
  return problemResponse(problem, c.get("around").trace.requestId);
}

/** Writes the audit event of a refusal on one of Postern's own paths, and hands the problem back. */
export function denied(c: Context<GatewayEnv>, problem: Problem): Problem {
  const { method, path } = c.req;
  c.get("around").emit({ event: "denied", code: problem.code, method, path });
  return problem;
}

/** Answers with a refusal, and writes its audit event. */
export function refuse(c: Context<GatewayEnv>, problem: Problem): Response {
  return fail(c, denied(c, problem));
}

/** The answer to what was thrown: the store's absence is no fault of ours, the rest is. */
export function failure(error: unknown, around: Surroundings): Response {
  const { requestId } = around.trace;
  if (error instanceof StoreUnavailableError) {
    around.emit({ event: "store_unavailable", reason: error.message });
    return problemResponse({ code: "store_unavailable" }, requestId);
  }
  if (error instanceof CookieTooLargeError) {
    around.emit({ event: "internal_error", reason: error.message });
    return problemResponse({ code: "claims_too_large", detail: error.message }, requestId);
  }
  const reason = error instanceof Error ? error.stack ?? error.message : String(error);
  around.emit({ event: "internal_error", reason });
  return problemResponse({ code: "internal_error" }, requestId);
}
