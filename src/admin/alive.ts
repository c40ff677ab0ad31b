/**
 * What the public listener says about the process: that it is alive, and no more.
 *
 * @module
 */
import { Hono } from "hono";
import { allowOnly } from "../http/endpoint.ts";
import type { GatewayEnv } from "../http/endpoint.ts";

/** `/healthz`, under `/auth`. */
export function alive(): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();
  app.get("/healthz", (c) => {
    c.header("cache-control", "no-store");
    return c.json({ status: "ok" });
  });
  allowOnly(app, "/healthz", ["GET"]);
  return app;
}
