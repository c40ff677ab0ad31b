/**
 * What protects our resources, for clients that do not know yet (RFC 9728).
 *
 * @module
 */
import { Hono } from "hono";
import { RESOURCE_METADATA } from "../../access/resource_metadata.ts";
import { allowOnly } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";

/**
 * `/.well-known/oauth-protected-resource`, and the same below it for a resource with a
 * path (§3.1): whoever asks with the path of a resource finds that resource's name.
 */
export function resourceMetadata({ authorizationServers, scopes, name }: {
  readonly authorizationServers: readonly string[];
  readonly scopes: readonly string[];
  readonly name: string;
}): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();
  for (const pattern of [RESOURCE_METADATA, `${RESOURCE_METADATA}/*`]) {
    app.get(pattern, (c) => {
      const { origin, target } = c.env.inbound;
      c.header("cache-control", "public, max-age=300");
      c.header("access-control-allow-origin", "*");
      return c.json({
        resource: origin + target.path.slice(RESOURCE_METADATA.length),
        authorization_servers: authorizationServers,
        bearer_methods_supported: ["header"],
        ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
        resource_name: name,
      });
    });
    allowOnly(app, pattern, ["GET"]);
  }
  return app;
}
