/**
 * What the gateway is made of at the moment: upstreams, issuers, keys, and what happened lately.
 *
 * @module
 */
import { Hono } from "hono";
import * as z from "../base/schema.ts";
import { type AdminEnv, allowOnly, iso, pageLimit, readQuery, refuse } from "./endpoint.ts";
import type { AdminParts } from "./ports.ts";

/** A key that verified nothing for this long can be taken out of the ring. */
const UNUSED_AFTER_MS = 24 * 3600 * 1000;

/** `/v1/status`, `/v1/upstreams`, `/v1/issuers`, `/v1/keys` and `/v1/events`. */
export function stateEndpoints(parts: AdminParts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get("/status", async (c) => {
    // First: on an instance that was never asked, this is what fills the view.
    const ready = await parts.ready(c.env.waitUntil);
    const view = parts.view();
    return c.json({
      ...parts.about,
      startedAt: iso(parts.startedAtMs),
      now: iso(parts.clock()),
      ready,
      revocationView: {
        ageSeconds: Number.isFinite(view.ageMs) ? view.ageMs / 1000 : null,
        entries: view.entries,
      },
      configuration: {
        hash: parts.configuration.hash(),
        since: iso(parts.configuration.sinceMs()),
      },
    });
  });
  app.get("/upstreams", (c) => c.json({ upstreams: parts.upstreams() }));
  app.get("/issuers", (c) => c.json({ issuers: parts.issuers() }));
  app.get("/keys", (c) => c.json({ keys: keysOf(parts) }));
  app.get("/events", (c) => {
    const query = readQuery(
      c,
      z.strictObject({
        limit: pageLimit,
      }),
    );
    if ("problem" in query) return refuse(c, query.problem);
    return c.json({
      events: parts.recent.read(query.value.limit).map(({ atMs, event, context }) => ({
        time: iso(atMs),
        ...event,
        requestId: context.requestId,
        client: context.clientAddress,
      })),
    });
  });
  for (const path of ["/status", "/upstreams", "/issuers", "/keys", "/events"]) {
    allowOnly(app, path, ["GET"]);
  }
  return app;
}

/** The keys of the ring, each with whether it can be taken out. */
export function keysOf(parts: Pick<AdminParts, "keys" | "clock" | "startedAtMs">) {
  const now = parts.clock();
  return parts.keys().map(({ kid, alg, createdAtMs, signs, lastVerifiedAtMs }) => ({
    kid,
    alg,
    createdAt: createdAtMs === null ? null : iso(createdAtMs),
    signs,
    lastVerifiedAt: lastVerifiedAtMs === null ? null : iso(lastVerifiedAtMs),
    // Nothing can be said of a key before this instance has watched for that long.
    unused: !signs && now - (lastVerifiedAtMs ?? parts.startedAtMs) > UNUSED_AFTER_MS,
  }));
}
