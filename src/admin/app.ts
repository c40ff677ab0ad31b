/**
 * The admin listener's app: probes for everybody who can connect, all else for those whom the
 * guard lets in.
 *
 * @module
 */
import { Hono } from "hono";
import { StoreUnavailableError } from "../base/errors.ts";
import { createOwnHeaders } from "../http/own_headers.ts";
import { configurationEndpoints } from "./configuration.ts";
import { type AdminConnection, type AdminEnv, refuse } from "./endpoint.ts";
import { metricsEndpoint, probes } from "./health.ts";
import type { AdminParts } from "./ports.ts";
import { revocationEndpoints } from "./revocations.ts";
import { sessionEndpoints } from "./sessions.ts";
import { stateEndpoints } from "./state.ts";

const withOwnHeaders = createOwnHeaders({ secure: false });

/** Something more for the listener that not every runtime carries (dashboard, OpenAPI document). */
export type AdminExtension = (app: Hono<AdminEnv>, parts: AdminParts) => void;

/** Answers requests to the admin listener. */
export interface Admin {
  fetch(request: Request, connection: AdminConnection): Promise<Response>;
}

/** Puts the admin listener's app together; paths begin behind `prefix`. */
export function createAdmin(
  parts: AdminParts,
  options: { readonly prefix?: string; readonly extensions?: readonly AdminExtension[] } = {},
): Admin {
  const app = adminRoutes(parts, options.extensions ?? []);
  const whole = options.prefix === undefined
    ? app
    : new Hono<AdminEnv>().route(options.prefix, app);
  return {
    fetch: async (request, connection) => await whole.fetch(request, connection),
  };
}

/** The app itself, so that its routes can be compared with what the OpenAPI document says. */
export function adminRoutes(
  parts: AdminParts,
  extensions: readonly AdminExtension[],
): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.onError((error, c) => {
    const context = { requestId: c.get("requestId"), clientAddress: c.env.remoteAddress };
    if (error instanceof StoreUnavailableError) {
      parts.events({ event: "store_unavailable", reason: error.message }, context);
      return refuse(c, { code: "store_unavailable" });
    }
    parts.events({ event: "internal_error", reason: error.stack ?? error.message }, context);
    return refuse(c, { code: "internal_error" });
  });
  app.use(async (c, next) => {
    c.set("requestId", crypto.randomUUID());
    await next();
    c.res.headers.set("cache-control", "no-store");
    withOwnHeaders(c.res);
  });
  app.route("/", probes(parts));

  app.use(async (c, next) => {
    const admitted = await parts.guard(c.req.raw);
    if ("problem" in admitted) {
      const { problem } = admitted;
      parts.events(
        { event: "denied", code: problem.code, method: c.req.method, path: c.req.path },
        { requestId: c.get("requestId"), clientAddress: c.env.remoteAddress },
      );
      const response = refuse(c, problem);
      // So that a browser asks for the token (RFC 7617).
      if (response.status === 401) {
        response.headers.append("www-authenticate", 'Basic realm="postern admin", charset="UTF-8"');
      }
      return response;
    }
    c.set("actor", admitted);
    await next();
  });
  app.route("/", metricsEndpoint(parts));
  for (
    const group of [sessionEndpoints, revocationEndpoints, stateEndpoints, configurationEndpoints]
  ) {
    app.route("/v1", group(parts));
  }
  for (const extend of extensions) extend(app, parts);
  app.all("*", (c) => refuse(c, { code: "not_found" }));
  return app;
}
