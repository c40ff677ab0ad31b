/**
 * Going on with a session whose key only a script has: a navigation can not prove it.
 *
 * @module
 */
import { Hono } from "hono";
import { safeReturnTo } from "../../browser/return_to.ts";
import { allowOnly } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { PageRooms } from "./parts.ts";
import { renewPage } from "./renew_html.ts";

/** `reason` of the sign-in page for somebody whose key was not there. */
export const KEY_MISSING = "key_missing";

/** Path of the page that goes on to `returnTo`. */
export function renewLocation(prefix: string, returnTo: string): string {
  return `${prefix}/renew?return_to=${encodeURIComponent(returnTo)}`;
}

/** `/renew` */
export function renewPages({ parts: { prefix }, page }: PageRooms): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();
  app.get("/renew", (c) => {
    const returnTo = safeReturnTo(c.req.query("return_to"), prefix);
    const query = new URLSearchParams({ return_to: returnTo, reason: KEY_MISSING });
    return page(c, 200, [], (look) =>
      renewPage({
        ...look,
        client: `${prefix}/client.js`,
        returnTo,
        signIn: `${prefix}/login?${query}`,
      }), { runs: true });
  });
  allowOnly(app, "/renew", ["GET"]);
  return app;
}
