/**
 * Postern's own paths, put together.
 *
 * @module
 */
import { Hono } from "hono";
import { failure } from "../access/failure.ts";
import { alive } from "../admin/alive.ts";
import type { GatewayConfig } from "../config/config.ts";
import { dbscEndpoints } from "../endpoints/device/dbsc.ts";
import { scriptEndpoint } from "../endpoints/device/script.ts";
import { handoverEndpoints } from "../endpoints/handover/handover.ts";
import { oidcEndpoints } from "../endpoints/oidc/oidc.ts";
import { createLeave } from "../endpoints/oidc/sign_out.ts";
import { pages } from "../endpoints/pages/pages.ts";
import { noPasswords } from "../endpoints/session/no_passwords.ts";
import { cookieTransport } from "../endpoints/session/session.ts";
import { createSignInAttempt } from "../endpoints/session/sign_in_form.ts";
import type { BrowserParts } from "../endpoints/session/sign_in_form.ts";
import { jwksEndpoint } from "../endpoints/standards/jwks.ts";
import { createAuthenticateClient } from "../endpoints/standards/clients.ts";
import { introspection } from "../endpoints/standards/introspect.ts";
import { revocation } from "../endpoints/standards/revoke.ts";
import { resourceMetadata } from "../endpoints/standards/resource_metadata.ts";
import { tokenTransport } from "../endpoints/token/token.ts";
import { fail } from "../http/endpoint.ts";
import type { GatewayEnv } from "../http/endpoint.ts";
import { openPrefixes } from "../policy/open_prefixes.ts";
import { createDeviceCookies } from "../sign_in/device.ts";
import { createHandovers } from "../sign_in/handover.ts";
import { createPasswordSignIn } from "../sign_in/password.ts";
import { createThrottle } from "../sign_in/throttle.ts";
import { createSeal } from "../tokens/seal.ts";
import type { Access } from "./access.ts";
import { clientEndpoints } from "./client_endpoints.ts";
import type { Core } from "./core.ts";
import { namedSources } from "./sources.ts";
import { timedSource } from "./timed_sources.ts";
import type { GatewayPorts } from "./ports.ts";
import { oidcEndpointParts, pageProviders } from "./oidc_endpoints.ts";

/** The app of everything that is Postern's own. */
export function createEndpoints(parts: {
  readonly core: Core;
  readonly access: Access;
  readonly config: GatewayConfig;
  readonly ports: GatewayPorts;
  readonly verify: Hono<GatewayEnv>;
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
    identity: timedSource(ports.identity, "password", parts.core.metrics),
    clock: parts.core.clock,
    otherSources: namedSources(config),
  });
  const providers = oidcEndpointParts(parts.core, access, config);

  const app = createOwnApp();
  const own = new Hono<GatewayEnv>();
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
  if (config.handover) {
    own.route(
      "/",
      handoverEndpoints({
        ...access,
        origin,
        origins: config.origins,
        prefix: paths.auth,
        clock: parts.core.clock,
        handovers: createHandovers({
          seal: createSeal(keys.hmacKeys, "handover"),
          once: access.once,
          clock: parts.core.clock,
        }),
      }),
    );
  }
  const hasPassword = config.identity.kind !== "none";
  if (!hasPassword) own.route("/", noPasswords());
  own.route(
    "/",
    pages({
      ...browserParts,
      prefix: paths.auth,
      config: config.pages,
      hasPassword,
      providers: pageProviders(providers),
    }),
  );
  own.route("/", cookieTransport(browserParts));
  if (access.device !== null) {
    const open = openPrefixes(config.routes.map(({ auth, ...shape }) => ({
      ...shape,
      isOpen: auth === "none",
    })));
    own.route(
      "/",
      dbscEndpoints({
        ...access,
        device: access.device,
        clock: parts.core.clock,
        prefix: paths.auth,
        openPrefixes: open,
      }),
    );
    own.route("/", scriptEndpoint({ ...access, device: access.device }));
  }
  own.route("/", parts.verify);
  if (providers !== null) own.route("/", oidcEndpoints(providers));
  const { issuers } = access;
  own.route("/", revocation({ sessions, verifier, issuers }));
  const authenticateClient = createAuthenticateClient(config.introspection);
  own.route("/", introspection({ sessions, verifier, issuers, authenticateClient }));
  if (config.clients.length > 0) {
    const { token, metadata } = clientEndpoints(parts.core, access, config);
    own.route("/", token);
    app.route("/", metadata);
  }
  if (issuers !== null) app.route("/", resourceMetadata(protectedResource(config)));
  own.route("/", alive());
  own.all("*", (c) => fail(c, { code: "not_found" }));
  app.route(paths.auth, own);
  const version = config.compat ?? "5.5";
  app.route(
    "/",
    tokenTransport({
      prefix: paths.token,
      version,
      signIn,
      sessions,
      verifier,
      view,
      dpop: access.dpop,
    }),
  );
  app.route("/", jwksEndpoint(keys));
  app.all("*", (c) => fail(c, { code: "not_found" }));
  return app;
}

/** What others are told of the resources behind us. */
function protectedResource({ clients, issuers, tokens, routes, pages }: GatewayConfig) {
  const servers = issuers.map(({ issuer }) => issuer);
  return {
    authorizationServers: [...new Set(clients.length > 0 ? [...servers, tokens.issuer] : servers)],
    scopes: [...new Set(routes.flatMap(({ require }) => require?.scope ?? []))],
    name: pages.brand.name,
  };
}

/** An app that is led by the request as it was read, never by the runtime's URL. */
function createOwnApp(): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>({
    getPath: (_request, options) => (options?.env as GatewayEnv["Bindings"]).inbound.target.path,
  });
  app.onError((error, c) => failure(error, c.get("around")));
  app.use(async (c, next) => {
    c.set("around", c.env.inbound.around);
    await next();
  });
  return app;
}
