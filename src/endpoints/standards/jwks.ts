/**
 * The public keys (RFC 7517).
 *
 * @module
 */
import { Hono } from "hono";
import { allowOnly } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { KeyRing } from "../../tokens/key_ring.ts";

/** How long others may keep the JWK set; new keys should be published before they sign. */
const JWKS_MAX_AGE_SECONDS = 300;

/** `/.well-known/jwks.json`: the public keys of the ring. */
export function jwksEndpoint(keys: KeyRing): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();
  app.get("/.well-known/jwks.json", (c) => {
    c.header("cache-control", `public, max-age=${JWKS_MAX_AGE_SECONDS}`);
    return c.json(keys.publicJwks);
  });
  allowOnly(app, "/.well-known/jwks.json", ["GET"]);
  return app;
}
