/**
 * `POST /auth/introspect`: what a token says, and whether it stands (RFC 7662).
 *
 * @module
 */
import { Hono } from "hono";
import { allowOnly, fail, refuse } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";
import type { AuthenticateClient } from "./clients.ts";
import { presentedToken } from "./presented.ts";

/** The endpoint. Whoever asks shows a client credential first (§2.1, against token scanning). */
export function introspection(parts: {
  readonly sessions: Sessions;
  readonly verifier: TokenVerifier;
  readonly authenticateClient: AuthenticateClient;
}): Hono<GatewayEnv> {
  const { sessions, verifier, authenticateClient } = parts;
  const app = new Hono<GatewayEnv>();

  app.post("/introspect", async (c) => {
    const presented = await presentedToken(c.req.raw, verifier);
    const { headers } = c.req.raw;
    const client = await authenticateClient(headers.get("authorization"), presented.fields);
    if (client === null) return refuse(c, { code: "invalid_client" });
    if (presented.kind === "problem") return fail(c, presented.problem);
    c.header("cache-control", "no-store");
    const { token } = presented;
    if (typeof token === "string" || !(await isActive(token))) return c.json({ active: false });
    return c.json({
      active: true,
      token_type: token.type === "access" ? "Bearer" : "refresh_token",
      sub: token.subject,
      sid: token.sid,
      scope: token.scope,
      iss: token.claims["iss"],
      aud: token.claims["aud"],
      iat: token.issuedAtSeconds,
      exp: token.expiresAtSeconds,
      jti: token.jti,
    });
  });
  allowOnly(app, "/introspect", ["POST"]);

  async function isActive(token: VerifiedToken): Promise<boolean> {
    if (token.type === "access") return await sessions.status(token) === "live";
    return !(await sessions.isSpent(token));
  }

  return app;
}
