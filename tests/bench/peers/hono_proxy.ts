/** The proxy that Hono's documentation shows: its helper, and no check at all. */
import { Hono } from "hono";
import { proxy } from "hono/proxy";

const upstream = Deno.env.get("UPSTREAM") ?? "";
const app = new Hono();
app.all("*", (c) => {
  const { pathname, search } = new URL(c.req.url);
  return proxy(upstream + pathname + search, c.req);
});
Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.env.get("PORT")), onListen() {} },
  app.fetch,
);
