/**
 * `POST /auth/token`: access tokens for programs that have no provider of their own
 * (RFC 6749 §4.4), and the metadata by which they find it (RFC 8414).
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type { Clock } from "../../base/clock.ts";
import { readFields } from "../../http/body.ts";
import { allowOnly, fail } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { KeyRing } from "../../tokens/key_ring.ts";
import type { TokenOptions } from "../../tokens/options.ts";
import { clientSigner } from "../../tokens/issuers/own_clients.ts";
import { signJwt } from "../../tokens/sign.ts";
import type { AuthenticateMachine } from "./machine_clients.ts";

/** The endpoint `/token`. */
export function clientCredentials(parts: {
  readonly authenticate: AuthenticateMachine;
  readonly keys: KeyRing;
  readonly tokens: TokenOptions;
  readonly clock: Clock;
}): Hono<GatewayEnv> {
  const { authenticate, keys, tokens, clock } = parts;
  const app = new Hono<GatewayEnv>();

  app.post("/token", async (c) => {
    const body = await readFields(c.req.raw);
    if (body.kind === "problem") return fail(c, body.problem);
    const { fields } = body;
    const around = c.get("around");
    const authorization = c.req.header("authorization") ?? null;
    const client = await authenticate(authorization, fields, around.waitUntil);
    if (client === null) {
      around.emit({ event: "sign_in_failed", reason: "client credentials" });
      return oauthError(c, 401, "invalid_client");
    }
    if (fields["grant_type"] === undefined) return oauthError(c, 400, "invalid_request");
    if (fields["grant_type"] !== "client_credentials") {
      return oauthError(c, 400, "unsupported_grant_type");
    }
    const scope = grantedScope(fields["scope"], client.scope);
    if (scope === null) return oauthError(c, 400, "invalid_scope");
    const iat = Math.floor(clock() / 1000);
    const access = await signJwt("client", {
      iss: tokens.issuer,
      aud: tokens.audience,
      sub: client.id,
      client_id: client.id,
      jti: crypto.randomUUID(),
      iat,
      exp: iat + tokens.accessTtlSeconds,
      scope,
    }, clientSigner(keys));
    around.emit({ event: "client_token", client: client.id });
    c.header("cache-control", "no-store");
    return c.json({
      access_token: access,
      token_type: "Bearer",
      expires_in: tokens.accessTtlSeconds,
      scope,
    });
  });
  allowOnly(app, "/token", ["POST"]);
  return app;
}

/** `/.well-known/oauth-authorization-server` (RFC 8414 §3.2). */
export function serverMetadata({ origin, prefix, issuer, algorithms }: {
  readonly origin: string;
  readonly prefix: string;
  readonly issuer: string;
  readonly algorithms: readonly string[];
}): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();
  const document = {
    issuer,
    token_endpoint: `${origin}${prefix}/token`,
    revocation_endpoint: `${origin}${prefix}/revoke`,
    introspection_endpoint: `${origin}${prefix}/introspect`,
    jwks_uri: `${origin}/.well-known/jwks.json`,
    response_types_supported: [],
    grant_types_supported: ["client_credentials"],
    token_endpoint_auth_methods_supported: [
      "client_secret_basic",
      "client_secret_post",
      "private_key_jwt",
    ],
    token_endpoint_auth_signing_alg_values_supported: algorithms,
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

/** What was asked for, if all of it may be had; everything where nothing was. */
function grantedScope(asked: unknown, allowed: readonly string[]): string | null {
  if (asked === undefined || asked === "") return allowed.join(" ");
  if (typeof asked !== "string") return null;
  const tokens = [...new Set(asked.split(" "))];
  return tokens.every((token) => allowed.includes(token)) ? tokens.join(" ") : null;
}

/** RFC 6749 §5.2. */
function oauthError(c: Context<GatewayEnv>, status: 400 | 401, error: string): Response {
  c.header("cache-control", "no-store");
  if (status === 401) c.header("www-authenticate", 'Basic realm="postern"');
  return c.json({ error }, status);
}
