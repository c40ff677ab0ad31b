/**
 * `POST /auth/introspect`: what a token says, and whether it stands (RFC 7662).
 *
 * @module
 */
import { Hono } from "hono";
import { allowOnly, fail, refuse } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import { isOurs } from "../../tokens/claims.ts";
import type { CallerToken, VerifiedToken } from "../../tokens/claims.ts";
import type { VerifiedForeign } from "../../tokens/issuers/claims.ts";
import type { Issuers } from "../../tokens/issuers/issuers.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";
import type { AuthenticateClient } from "./clients.ts";
import { presentedToken } from "./presented.ts";

/** The endpoint. Whoever asks shows a client credential first (§2.1, against token scanning). */
export function introspection(parts: {
  readonly sessions: Sessions;
  readonly verifier: TokenVerifier;
  readonly issuers: Issuers | null;
  readonly authenticateClient: AuthenticateClient;
}): Hono<GatewayEnv> {
  const { sessions, authenticateClient } = parts;
  const app = new Hono<GatewayEnv>();

  app.post("/introspect", async (c) => {
    const presented = await presentedToken(c.req.raw, parts, c.get("around").waitUntil);
    const { headers } = c.req.raw;
    const client = await authenticateClient(headers.get("authorization"), presented.fields);
    if (client === null) return refuse(c, { code: "invalid_client" });
    if (presented.kind === "problem") return fail(c, presented.problem);
    c.header("cache-control", "no-store");
    const { token } = presented;
    if (typeof token === "string" || !(await isActive(token))) return c.json({ active: false });
    const said = isOurs(token) ? token.claims : token.payload;
    return c.json({
      active: true,
      token_type: typeOf(token),
      sub: token.subject,
      ...(token.sid === null ? {} : { sid: token.sid }),
      ...(token.client === null ? {} : { client_id: token.client }),
      scope: token.scope,
      iss: said["iss"],
      aud: said["aud"],
      iat: token.issuedAtSeconds,
      exp: token.expiresAtSeconds,
      jti: token.jti,
      // RFC 9449 §6.2: whoever is asked for something with it has to ask for the key.
      ...(token.bound?.by === "dpop" ? { cnf: { jkt: token.bound.jkt } } : {}),
    });
  });
  allowOnly(app, "/introspect", ["POST"]);

  async function isActive(token: CallerToken): Promise<boolean> {
    if (!isOurs(token) || token.type === "access") return await sessions.status(token) === "live";
    return !(await sessions.isSpent(token));
  }

  return app;
}

function typeOf(token: VerifiedToken | VerifiedForeign): string {
  if (isOurs(token) && token.type === "refresh") return "refresh_token";
  return token.bound?.by === "dpop" ? "DPoP" : "Bearer";
}
