/**
 * What programs find the token endpoint by (RFC 8414).
 *
 * @module
 */
import { Hono } from "hono";
import { allowOnly } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";

/** `/.well-known/oauth-authorization-server` (RFC 8414 §3.2). */
export function serverMetadata(
  { origin, prefix, issuer, algorithms, grantTypes, proofAlgorithms }: {
    readonly origin: string;
    readonly prefix: string;
    readonly issuer: string;
    readonly algorithms: readonly string[];
    readonly grantTypes: readonly string[];
    /** RFC 9449 §5.1; empty: switched off. */
    readonly proofAlgorithms: readonly string[];
  },
): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();
  const document = {
    issuer,
    token_endpoint: `${origin}${prefix}/token`,
    revocation_endpoint: `${origin}${prefix}/revoke`,
    introspection_endpoint: `${origin}${prefix}/introspect`,
    jwks_uri: `${origin}/.well-known/jwks.json`,
    response_types_supported: [],
    grant_types_supported: grantTypes,
    token_endpoint_auth_methods_supported: [
      "client_secret_basic",
      "client_secret_post",
      "private_key_jwt",
    ],
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    ...(proofAlgorithms.length === 0 ? {} : { dpop_signing_alg_values_supported: proofAlgorithms }),
  };
  const path = "/.well-known/oauth-authorization-server";
  app.get(path, (c) => {
    c.header("cache-control", "public, max-age=300");
    c.header("access-control-allow-origin", "*");
    return c.json(document);
  });
  allowOnly(app, path, ["GET"]);
  return app;
}
