/**
 * For those who watch: alive, ready, and the metrics.
 *
 * @module
 */
import { Hono } from "hono";
import { METRICS_CONTENT_TYPE } from "../telemetry/meter.ts";
import { type AdminEnv, allowOnly, refuse } from "./endpoint.ts";
import type { AdminParts } from "./ports.ts";

/**
 * `/livez` and `/readyz`. They say nothing but yes or no, so that an orchestrator may ask them
 * without a token.
 */
export function probes(parts: Pick<AdminParts, "ready">): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get("/livez", (c) => c.json({ status: "ok" }));
  allowOnly(app, "/livez", ["GET"]);

  // Ready means: the store answers and the revocation view is inside its bound. Providers are not
  // asked: an outage there must not take the whole fleet out of service.
  app.get("/readyz", async (c) => {
    const state = await parts.ready(c.env.waitUntil);
    if (state.ready) return c.json({ status: "ready" });
    return refuse(c, {
      code: state.why === "store_unavailable" ? "store_unavailable" : "not_ready",
      detail: `The gateway is not ready: ${state.why.replaceAll("_", " ")}.`,
      extensions: { why: state.why },
    });
  });
  allowOnly(app, "/readyz", ["GET"]);
  return app;
}

/** `/metrics`, in the Prometheus text format. */
export function metricsEndpoint(parts: Pick<AdminParts, "metrics">): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get("/metrics", async (c) => {
    c.header("content-type", METRICS_CONTENT_TYPE);
    return c.body(await parts.metrics.render());
  });
  allowOnly(app, "/metrics", ["GET"]);
  return app;
}
