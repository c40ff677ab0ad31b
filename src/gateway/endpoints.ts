/**
 * Postern's own paths, put together.
 *
 * @module
 */
import { Hono } from "hono";
import { failure } from "../access/failure.ts";
import { alive } from "../admin/alive.ts";
import type { GatewayConfig } from "../config/config.ts";
import { oidcEndpoints } from "../endpoints/oidc/oidc.ts";
import { createLeave } from "../endpoints/oidc/sign_out.ts";
import { pages } from "../endpoints/pages/pages.ts";
import { cookieTransport } from "../endpoints/session/session.ts";
import { createSignInAttempt } from "../endpoints/session/sign_in_form.ts";
import type { BrowserParts } from "../endpoints/session/sign_in_form.ts";
import { jwksEndpoint } from "../endpoints/standards/jwks.ts";
import { tokenStandards } from "../endpoints/standards/standards.ts";
import { tokenTransport } from "../endpoints/token/token.ts";
import type { ConnectionInfo, Surroundings } from "../http/around.ts";
import { fail } from "../http/endpoint.ts";
import type { GatewayEnv } from "../http/endpoint.ts";
import type { HeaderReader } from "../http/headers.ts";
import { OWN_SECURITY_HEADERS } from "../http/problem.ts";
import { readTarget } from "../policy/target.ts";
import { createDeviceCookies } from "../sign_in/device.ts";
import { createPasswordSignIn } from "../sign_in/password.ts";
import { createThrottle } from "../sign_in/throttle.ts";
import type { Access } from "./access.ts";
import type { Core } from "./core.ts";
import type { GatewayPorts } from "./ports.ts";
import { oidcEndpointParts, pageProviders } from "./oidc_endpoints.ts";
import { ownPaths } from "./table.ts";

/** The app of everything that is Postern's own; what is not falls through. */
export function createEndpoints(parts: {
  readonly core: Core;
  readonly access: Access;
  readonly config: GatewayConfig;
  readonly ports: GatewayPorts;
  readonly surroundings: (headers: HeaderReader, connection: ConnectionInfo) => Surroundings;
}): Hono<GatewayEnv> {
  const { core: { store, keys, view }, access, config, ports } = parts;
  const { verifier, sessions } = access;
  const { origin, paths } = config;
  const [counterKey] = keys.hmacKeys;
  if (counterKey === undefined) throw new TypeError("a key ring has at least one HMAC key");
  const signIn = createPasswordSignIn({
    throttle: createThrottle({ store, options: config.throttle, counterKey }),
    devices: createDeviceCookies(keys.hmacKeys),
    sessions,
    identity: ports.identity,
    otherSources: Array.from(config.providers.keys()),
  });
  const providers = oidcEndpointParts(parts.core, access, config);

  const app = new Hono<GatewayEnv>();
  app.onError((error, c) => failure(error, c.get("around")));
  // Postern's own paths only: a proxied request has no use for a middleware chain.
  for (const path of ownPaths(config)) {
    app.use(path, async (c, next) => {
      c.set("around", parts.surroundings(c.req.raw.headers, c.env));
      await next();
      for (const [name, value] of Object.entries(OWN_SECURITY_HEADERS)) {
        if (!c.res.headers.has(name)) c.res.headers.set(name, value);
      }
    });
  }
  const own = new Hono<GatewayEnv>();
  own.use(async (c, next) => {
    const target = readTarget(c.req.raw.url);
    if ("problem" in target) return fail(c, { code: target.code, detail: target.problem });
    await next();
  });
  const attemptSignIn = createSignInAttempt({
    origin,
    signIn,
    ...access,
  });
  const browserParts: BrowserParts = {
    ...access,
    origin,
    attemptSignIn,
    leave: providers === null ? null : createLeave(providers),
  };
  own.route(
    "/",
    pages({
      ...browserParts,
      prefix: paths.auth,
      config: config.pages,
      hasPassword: config.identity.kind !== "none",
      providers: pageProviders(providers),
    }),
  );
  own.route("/", cookieTransport(browserParts));
  if (providers !== null) own.route("/", oidcEndpoints(providers));
  own.route("/", tokenStandards({ sessions, verifier }));
  own.route("/", alive());
  own.all("*", (c) => fail(c, { code: "not_found" }));
  app.route(paths.auth, own);
  const version = config.compat ?? "5.5";
  app.route(
    "/",
    tokenTransport({ prefix: paths.token, version, signIn, sessions, verifier, view }),
  );
  app.route("/", jwksEndpoint(keys));
  return app;
}
