/**
 * What Postern's own endpoints share: the request as it was read, refusals, wrong
 * methods.
 *
 * @module
 */
import type { Context, Hono } from "hono";
import type { ConnectionInfo, Surroundings } from "./around.ts";
import type { Inbound } from "./inbound.ts";
import { problemResponse } from "./problem.ts";
import type { Problem } from "./problem.ts";

/** Hono's type parameters for this application. */
export interface GatewayEnv {
  Bindings: ConnectionInfo & { readonly inbound: Inbound };
  Variables: { around: Surroundings };
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

/**
 * Answers every other method on a path with 405 and `Allow` (RFC 9110 §15.5.6).
 * Register it after the path's own handlers.
 */
export function allowOnly(app: Hono<GatewayEnv>, path: string, methods: readonly string[]): void {
  const allow = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  app.all(path, (c) => fail(c, { code: "method_not_allowed", allow }));
}
