/**
 * The gateway that a developer writes by hand with the same parts: Hono, its
 * JWT middleware, its proxy helper, and one look at the blacklist per request.
 *
 * @module
 */
import { Redis } from "@upstash/redis";
import { Hono } from "hono";
import { jwt, type JwtVariables } from "hono/jwt";
import { proxy } from "hono/proxy";

const upstream = Deno.env.get("UPSTREAM") ?? "";
const redis = new Redis({
  url: Deno.env.get("UPSTASH_REDIS_REST_URL") ?? "",
  token: Deno.env.get("UPSTASH_REDIS_REST_TOKEN") ?? "",
});
const app = new Hono<{ Variables: JwtVariables }>();
app.use(jwt({ secret: Deno.env.get("SECRET") ?? "", alg: "HS256" }));
app.all("*", async (c) => {
  const { jti, sub } = c.get("jwtPayload");
  if (await redis.exists(`blacklist:${jti}`) === 1) return c.text("revoked", 401);
  const { pathname, search } = new URL(c.req.url);
  return await proxy(upstream + pathname + search, {
    ...c.req,
    headers: { ...c.req.header(), Authorization: undefined, "X-User": sub },
  });
});
Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.env.get("PORT")), onListen() {} },
  app.fetch,
);
