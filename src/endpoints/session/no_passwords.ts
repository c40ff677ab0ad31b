/**
 * `/login` where nobody has a password here: there is a page, and nothing to post to it.
 *
 * @module
 */
import { Hono } from "hono";
import { type GatewayEnv, refuse } from "../../http/endpoint.ts";

/** Mount it before what would ask for a password. */
export function noPasswords(): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();
  app.on(
    ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    "/login",
    (c) =>
      refuse(c, {
        code: "method_not_allowed",
        allow: ["GET", "HEAD"],
        detail: "There are no passwords here: people sign in at a provider.",
      }),
  );
  return app;
}
