/**
 * Standard token endpoints: revocation (RFC 7009), introspection (RFC 7662)
 * and the JWK set (RFC 7517).
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import { readFields } from "../../http/body.ts";
import { allowOnly, fail } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { TokenFailure, VerifiedToken } from "../../tokens/claims.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";

/** What the standard endpoints are put together from. */
export interface StandardsParts {
  readonly sessions: Sessions;
  readonly verifier: TokenVerifier;
}

/** `/revoke` and `/introspect`, under `/auth`. */
export function tokenStandards(parts: StandardsParts): Hono<GatewayEnv> {
  const { sessions, verifier } = parts;
  const app = new Hono<GatewayEnv>();

  /** The `token` parameter, of either type; the hint (§2.1) only says where to look first. */
  async function presented(
    c: Context<GatewayEnv>,
  ): Promise<{ token: VerifiedToken | TokenFailure } | { response: Response }> {
    const body = await readFields(c.req.raw);
    if (body.kind === "problem") return { response: fail(c, body.problem) };
    const { token } = body.fields;
    if (typeof token !== "string" || token === "") {
      return {
        response: fail(c, {
          code: "invalid_request",
          detail: "The parameter token is required.",
          extensions: { error: "invalid_request" },
        }),
      };
    }
    const access = await verifier.verify(token, "access");
    return {
      token: access === "wrong_type" ? await verifier.verify(token, "refresh") : access,
    };
  }

  // Whoever holds the token may end it (RFC 7009 §2: a public client). A token
  // that is not valid needs no ending: 200 as well (§2.2).
  app.post("/revoke", async (c) => {
    const found = await presented(c);
    if ("response" in found) return found.response;
    const { token } = found;
    if (typeof token !== "string") {
      const { subject, sid, jti } = token;
      if (token.type === "refresh") {
        await sessions.endOf(token);
        c.get("around").emit({ event: "session_revoked", subject, sid });
      } else {
        await sessions.endToken(token);
        c.get("around").emit({ event: "token_revoked", subject, jti });
      }
    }
    c.header("cache-control", "no-store");
    return c.body(null, 200);
  });
  allowOnly(app, "/revoke", ["POST"]);

  // The token itself authorises the question (RFC 7662 §2.1 asks for some form
  // of authorisation against token scanning): only somebody who already holds a
  // token with a valid signature learns anything, and only about that token.
  app.post("/introspect", async (c) => {
    const found = await presented(c);
    if ("response" in found) return found.response;
    c.header("cache-control", "no-store");
    const { token } = found;
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
