/**
 * Wrong methods on Postern's own endpoints.
 *
 * @module
 */
import type { Hono } from "hono";
import { fail } from "./context.ts";
import type { GatewayEnv } from "./context.ts";

/**
 * Answers every other method on a path with 405 and `Allow` (RFC 9110 §15.5.6).
 * Register it after the path's own handlers.
 */
export function allowOnly(app: Hono<GatewayEnv>, path: string, methods: readonly string[]): void {
  const allow = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  app.all(path, (c) => fail(c, { code: "method_not_allowed", allow }));
}
