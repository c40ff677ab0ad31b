/**
 * Endpoints for those who run the gateway: alive, ready, metrics.
 *
 * @module
 */
import { Hono } from "hono";
import { allowOnly, fail } from "../http/endpoint.ts";
import type { GatewayEnv } from "../http/endpoint.ts";
import type { RevocationView } from "../sessions/revocation_view.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** `/healthz`, `/readyz` and `/metrics`, under `/auth`. */
export function operations(parts: {
  readonly view: RevocationView;
  readonly metrics: Metrics;
}): Hono<GatewayEnv> {
  const { view, metrics } = parts;
  const app = new Hono<GatewayEnv>();
  app.use(async (c, next) => {
    await next();
    c.res.headers.set("cache-control", "no-store");
  });

  app.get("/healthz", (c) => c.json({ status: "ok" }));
  allowOnly(app, "/healthz", ["GET"]);

  // Ready means: the store answers and the revocation view is inside its bound.
  app.get("/readyz", async (c) => {
    const ready = await view.ensureFresh(c.get("around").waitUntil);
    return ready ? c.json({ status: "ready" }) : fail(c, { code: "store_unavailable" });
  });
  allowOnly(app, "/readyz", ["GET"]);

  app.get("/metrics", (c) => {
    c.header("content-type", "text/plain; version=0.0.4; charset=utf-8");
    return c.body(metrics.render({
      postern_revocation_view_entries: view.size(),
      postern_revocation_view_age_seconds: view.ageMs() / 1000,
    }));
  });
  allowOnly(app, "/metrics", ["GET"]);

  return app;
}
