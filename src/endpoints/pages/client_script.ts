/**
 * The script for front ends.
 *
 * @module
 */
import { Hono } from "hono";
import { allowOnly } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import source from "./client.js" with { type: "text" };

/** Comments on lines of their own, and indentation: a third of what would be sent. */
const FOR_READERS = /^\s*\/\*\*[^]*?\*\/\n|^\s*\/\/.*\n|^ +/gm;

/** The script as it is sent. */
export function clientSource(): string {
  return source.replace(FOR_READERS, "");
}

/** `GET /client.js` */
export function clientScript(): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();
  const sent = clientSource();
  let etag: string | null = null;
  app.get("/client.js", async (c) => {
    if (etag === null) {
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(sent));
      etag = `"${new Uint8Array(digest).toHex().slice(0, 32)}"`;
    }
    const headers = {
      "content-type": "text/javascript; charset=utf-8",
      // Asked each time, answered with 304: a deploy of the gateway is never met by an old script.
      "cache-control": "no-cache",
      etag,
    };
    return c.req.header("if-none-match") === etag
      ? new Response(null, { status: 304, headers })
      : new Response(sent, { headers });
  });
  allowOnly(app, "/client.js", ["GET"]);
  return app;
}
