/**
 * `POST /auth/revoke`: ends what a token stands for (RFC 7009).
 *
 * @module
 */
import { Hono } from "hono";
import { allowOnly, fail } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import { isOurs } from "../../tokens/claims.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";
import type { VerifiedForeign } from "../../tokens/issuers/claims.ts";
import type { Issuers } from "../../tokens/issuers/issuers.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";
import { presentedToken } from "./presented.ts";

/**
 * The endpoint. Whoever holds a token may end it (§2: a public client). One that is
 * not valid needs no ending: 200 as well (§2.2).
 */
export function revocation(parts: {
  readonly sessions: Sessions;
  readonly verifier: TokenVerifier;
  readonly issuers: Issuers | null;
}): Hono<GatewayEnv> {
  const { sessions } = parts;
  const app = new Hono<GatewayEnv>();

  app.post("/revoke", async (c) => {
    const presented = await presentedToken(c.req.raw, parts, c.get("around").waitUntil);
    if (presented.kind === "problem") return fail(c, presented.problem);
    const { token } = presented;
    if (typeof token !== "string") {
      const { subject, jti } = token;
      const around = c.get("around");
      switch (await end(token)) {
        case "session":
          around.emit({ event: "session_revoked", subject, sid: token.sid ?? "" });
          break;
        case "token":
          around.emit({ event: "token_revoked", subject, jti });
      }
    }
    c.header("cache-control", "no-store");
    return c.body(null, 200);
  });
  allowOnly(app, "/revoke", ["POST"]);

  async function end(token: VerifiedToken | VerifiedForeign): Promise<"token" | "session"> {
    if (!isOurs(token)) {
      await sessions.endToken(token);
      return "token";
    }
    if (token.type === "access") return await sessions.endAccess(token);
    await sessions.endOf(token);
    return "session";
  }

  return app;
}
