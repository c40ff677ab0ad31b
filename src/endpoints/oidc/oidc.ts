/**
 * The endpoints of OpenID providers, under `/auth`:
 *
 * | path | what |
 * | --- | --- |
 * | `GET /oidc/{provider}/start` | begins a sign-in |
 * | `GET`, `POST /oidc/{provider}/callback` | ends it |
 * | `POST /oidc/{provider}/backchannel-logout` | the provider ends sessions |
 * | `GET`, `POST /oidc/login` | somebody else begins a sign-in |
 * | `GET /oidc/signed-out` | back from the provider's sign-out |
 *
 * @module
 */
import { Hono } from "hono";
import { allowOnly, fail } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import { backChannelLogout } from "./backchannel_logout.ts";
import { callback, formCallback } from "./callback.ts";
import type { GatewayContext, OidcEndpointParts, OidcEntry } from "./parts.ts";
import { signedOut } from "./sign_out.ts";
import { start, thirdPartyLogin } from "./start.ts";

/** The endpoints; mount them only where there is a provider. */
export function oidcEndpoints(parts: OidcEndpointParts): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>();

  /** Binds an endpoint to the provider that its path names. */
  function of(
    answer: (
      c: GatewayContext,
      parts: OidcEndpointParts,
      entry: OidcEntry,
    ) => Promise<Response>,
  ) {
    return async function ofProvider(c: GatewayContext): Promise<Response> {
      const entry = parts.entries.get(c.req.param("provider") ?? "");
      return entry === undefined ? fail(c, { code: "not_found" }) : await answer(c, parts, entry);
    };
  }

  app.get("/oidc/login", (c) => thirdPartyLogin(c, parts));
  app.post("/oidc/login", (c) => thirdPartyLogin(c, parts));
  allowOnly(app, "/oidc/login", ["GET", "POST"]);

  app.get("/oidc/signed-out", (c) => signedOut(c, parts));
  allowOnly(app, "/oidc/signed-out", ["GET"]);

  app.get("/oidc/:provider/start", of(start));
  allowOnly(app, "/oidc/:provider/start", ["GET"]);

  app.get("/oidc/:provider/callback", of(callback));
  app.post("/oidc/:provider/callback", of(formCallback));
  allowOnly(app, "/oidc/:provider/callback", ["GET", "POST"]);

  app.post("/oidc/:provider/backchannel-logout", of(backChannelLogout));
  allowOnly(app, "/oidc/:provider/backchannel-logout", ["POST"]);

  return app;
}
