/**
 * Where a browser waits until its session is bound to a key, for a page that is shown to
 * bound sessions alone.
 *
 * @module
 */
import { Hono } from "hono";
import { safeReturnTo } from "../../browser/return_to.ts";
import { allowOnly } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import { bindingPage } from "./binding_html.ts";
import type { PageRooms } from "./parts.ts";

/** `/binding` */
export function bindingPages({ parts: { prefix }, page }: PageRooms): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();
  app.get("/binding", (c) => {
    const returnTo = safeReturnTo(c.req.query("return_to"), prefix);
    return page(c, 200, [], (look) =>
      bindingPage({
        ...look,
        client: `${prefix}/client.js`,
        session: `${prefix}/session`,
        returnTo,
        signIn: `${prefix}/login?return_to=${encodeURIComponent(returnTo)}`,
      }), { runs: true });
  });
  allowOnly(app, "/binding", ["GET"]);
  return app;
}
