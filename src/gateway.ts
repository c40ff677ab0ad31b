/**
 * The one place where the parts are put together.
 *
 * @module
 */
import { Hono } from "hono";
import { createToCookies } from "./access/cookie_session.ts";
import { failure } from "./access/failure.ts";
import { claimHeader, createIdentityHeaders } from "./access/identity_headers.ts";
import { createLeakGuard } from "./access/leak_guard.ts";
import { createLimits } from "./access/limits.ts";
import { createAuthenticate } from "./access/standing.ts";
import { operations } from "./admin/health.ts";
import type { Background } from "./base/background.ts";
import type { Clock } from "./base/clock.ts";
import { sizeBytes } from "./base/size.ts";
import { createCookieJar } from "./browser/cookies.ts";
import { createCors } from "./browser/cors.ts";
import { createCsrf } from "./browser/csrf.ts";
import type { GatewayConfig, RouteConfig, UpstreamConfig } from "./config/config.ts";
import { ConfigError } from "./config/load.ts";
import { pages } from "./endpoints/pages/pages.ts";
import { cookieTransport } from "./endpoints/session/session.ts";
import { createSignInAttempt } from "./endpoints/session/sign_in_form.ts";
import type { BrowserParts } from "./endpoints/session/sign_in_form.ts";
import { jwksEndpoint } from "./endpoints/standards/jwks.ts";
import { tokenStandards } from "./endpoints/standards/standards.ts";
import { tokenTransport } from "./endpoints/token/token.ts";
import { surroundingsOf } from "./http/around.ts";
import type { ConnectionInfo, Surroundings } from "./http/around.ts";
import { createClientResolver } from "./http/client_address.ts";
import { fail } from "./http/endpoint.ts";
import type { GatewayEnv } from "./http/endpoint.ts";
import type { HeaderReader } from "./http/headers.ts";
import { OWN_SECURITY_HEADERS } from "./http/problem.ts";
import { traceOf } from "./http/trace.ts";
import type { IdentitySource } from "./identity/port.ts";
import { createRecheck } from "./identity/recheck.ts";
import { createVerifyElsewhere } from "./identity/verify_elsewhere.ts";
import { compileRequirement } from "./policy/authorize.ts";
import { parseTarget } from "./policy/path.ts";
import { createRewrite } from "./policy/rewrite.ts";
import { compileRoutes } from "./policy/routes.ts";
import type { RoutePattern, RouteTable } from "./policy/routes.ts";
import { createConnect } from "./proxy/connect.ts";
import { createForward } from "./proxy/forward.ts";
import type { Transport, UpstreamTransport } from "./proxy/forward.ts";
import { proxied } from "./proxy/handle.ts";
import { compileHeaderRules } from "./proxy/header_rules.ts";
import { startHealthChecks } from "./proxy/health.ts";
import { createPool } from "./proxy/pool.ts";
import { createOutgoingHeaders } from "./proxy/prepare.ts";
import { createRequestHeaderFilter } from "./proxy/request_filter.ts";
import type { Destination, PreparedUpstream } from "./proxy/route.ts";
import { createLifelines } from "./sessions/lifeline.ts";
import { createRevocationView } from "./sessions/revocation_view.ts";
import { createSessions } from "./sessions/sessions.ts";
import { createSignIn } from "./sign_in/sign_in.ts";
import type { SessionStore } from "./store/port.ts";
import type { EventSink } from "./telemetry/events.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { createAssertionMinter } from "./tokens/assertion.ts";
import type { KeyRing } from "./tokens/key_ring.ts";
import { createLegacyCheck } from "./tokens/legacy.ts";
import type { LegacyKey } from "./tokens/legacy.ts";
import { createPairMinter } from "./tokens/mint.ts";
import { createTokenVerifier } from "./tokens/verify.ts";

/** What the gateway needs from the runtime it stands on. */
export interface GatewayPorts {
  readonly store: SessionStore;
  readonly keys: KeyRing;
  readonly identity: IdentitySource;
  /** Verifies tokens from before Postern; goes with `tokens.legacy` of the configuration. */
  readonly legacyKey?: LegacyKey | null;
  /** Reaches the identity source's other endpoints. */
  readonly askFetch?: typeof fetch;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Absent where nothing runs outside a request (Workers): no active health checks then. */
  readonly background?: Background;
}

/**
 * Puts a gateway together. Everything that can be decided from the
 * configuration is decided here, once.
 *
 * @throws {ConfigError} when the runtime has no means to follow a setting.
 * @throws {KeyRingError} when an upstream asks for an assertion no key can sign.
 */
export function createGateway(config: GatewayConfig, ports: GatewayPorts): Hono<GatewayEnv> {
  assertPossible(config, ports);
  const { store, keys, clock } = ports;
  const metrics = createMetrics();
  const sink: EventSink = (event, context) => {
    if (event.event !== "request") metrics.event(event);
    ports.events(event, context);
  };
  const { legacy } = config.tokens;
  const { legacyKey = null } = ports;
  const verifier = createTokenVerifier({
    keys,
    rules: config.tokens,
    clock,
    ...(legacy === null || legacyKey === null
      ? {}
      : { legacy: { key: legacyKey, check: createLegacyCheck(legacy, config.tokens) } }),
  });
  const view = createRevocationView({
    store,
    clock,
    ...config.revocation,
    isolatesRequests: ports.transport.isolatesRequests ?? false,
    onError: (error) =>
      sink(
        { event: "store_unavailable", reason: String(error) },
        { requestId: "-", clientAddress: "-" },
      ),
  });
  const authenticate = createAuthenticate({ verifier, view });
  const sessions = createSessions({
    store,
    view,
    verifier,
    clock,
    config: config.tokens,
    mintPair: createPairMinter(keys, config.tokens),
    ...createQuestions(config, ports.askFetch ?? fetch),
  });
  const [counterKey] = keys.hmacKeys;
  if (counterKey === undefined) throw new TypeError("a key ring has at least one HMAC key");
  const signIn = createSignIn({
    store,
    sessions,
    identity: ports.identity,
    throttle: config.throttle,
    counterKey,
  });
  const leakGuard = createLeakGuard(config.tokens.issuer);
  const jar = createCookieJar({ secure: config.secure });
  const csrf = createCsrf(keys.hmacKeys);
  const clientOf = createClientResolver(config.trustedProxies);

  function surroundings(headers: HeaderReader, connection: ConnectionInfo): Surroundings {
    const client = clientOf(headers, connection.remoteAddress);
    const trace = traceOf(headers, client.viaTrustedProxy);
    return surroundingsOf(client, trace, connection.waitUntil, sink);
  }

  const { auth, token } = config.paths;
  const app = new Hono<GatewayEnv>();
  app.onError((error, c) => failure(error, c.get("around")));
  // Postern's own paths only: a proxied request has no use for a middleware chain.
  for (const path of ownPaths(config)) {
    app.use(path, async (c, next) => {
      c.set("around", surroundings(c.req.raw.headers, c.env));
      await next();
      for (const [name, value] of Object.entries(OWN_SECURITY_HEADERS)) {
        if (!c.res.headers.has(name)) c.res.headers.set(name, value);
      }
    });
  }
  const own = new Hono<GatewayEnv>();
  own.use(async (c, next) => {
    const target = parseTarget(c.req.raw.url);
    if ("problem" in target) return fail(c, { code: "ambiguous_path", detail: target.problem });
    await next();
  });
  const { origin } = config;
  const toCookies = createToCookies({ jar, csrf, clock });
  const attemptSignIn = createSignInAttempt({ origin, signIn, sessions, toCookies });
  const browserParts: BrowserParts = {
    origin,
    jar,
    csrf,
    attemptSignIn,
    toCookies,
    sessions,
    verifier,
    authenticate,
  };
  own.route("/", pages({ ...browserParts, prefix: auth, config: config.pages }));
  own.route("/", cookieTransport(browserParts));
  own.route("/", tokenStandards({ sessions, verifier }));
  own.route("/", operations({ view, metrics }));
  own.all("*", (c) => fail(c, { code: "not_found" }));
  app.route(auth, own);
  app.route(
    "/",
    tokenTransport({
      prefix: token,
      version: config.compat ?? "5.5",
      signIn,
      sessions,
      verifier,
      view,
    }),
  );
  app.route("/", jwksEndpoint(keys));
  const handleProxied = proxied({
    origin,
    loginPath: `${auth}/login`,
    compat: config.compat,
    table: compileTable(config, ports),
    jar,
    csrf,
    clock,
    verifier,
    authenticate,
    sessions,
    outgoingHeaders: createOutgoingHeaders({
      origin,
      jar,
      staysBehind: createRequestHeaderFilter(identityHeaderNames(config)),
      leakGuard,
    }),
    leakGuard,
    metrics,
    checkLimits: createLimits(config.limits),
    logsAccess: config.log.access,
    attachLifeline: createLifelines({
      view,
      clock,
      pollIntervalMs: config.revocation.pollIntervalMs,
      leewayMs: config.longLived.leewayMs,
    }),
    surroundings,
    onError: failure,
  });
  app.all("*", (c) => handleProxied(c.req.raw, c.env));
  return app;
}

/** What the backend is asked about people who are signed in. */
function createQuestions({ identity, tokens }: GatewayConfig, askFetch: typeof fetch) {
  const ports = { fetch: askFetch };
  const url = tokens.legacy?.verifyUrl ?? null;
  const limits = { timeoutMs: 5_000, maxBytes: 64 * 1024 };
  return {
    recheck: identity.kind === "upstream" && identity.recheck !== null
      ? createRecheck(identity.recheck, ports)
      : null,
    verifyElsewhere: url === null ? null : createVerifyElsewhere({ ...limits, url }, ports),
  };
}

/** The two ways to an upstream, which share its targets. */
function createUpstreamPaths(
  upstream: UpstreamConfig,
  { transport, background }: GatewayPorts,
): Pick<PreparedUpstream, "forward" | "connect"> {
  const pool = createPool(upstream);
  const own: UpstreamTransport = transport.forUpstream?.(upstream) ?? transport;
  if (upstream.health !== null && background !== undefined) {
    startHealthChecks(upstream, upstream.health, { pool, fetch: own.fetch, background });
  }
  return {
    forward: createForward(upstream, { ...transport, fetch: own.fetch }, pool),
    connect: own.webSocket === undefined ? null : createConnect(upstream, own.webSocket, pool),
  };
}

/** Settings that this runtime has no means to follow. */
function assertPossible(config: GatewayConfig, { transport }: GatewayPorts): void {
  if (transport.forUpstream !== undefined) return;
  const problems = Array.from(config.upstreams.values()).flatMap(({ name, tls, host }) => [
    ...(tls === null ? [] : [
      `upstreams.${name}.tls: certificates for upstreams are files, and this runtime has none; remove the setting, or bind the certificate to the Worker (mTLS binding) in front of it`,
    ]),
    ...(host === "target" ? [] : [
      `upstreams.${name}.host: this runtime always sends the target's own Host; use "target" (the upstream finds the other in X-Forwarded-Host)`,
    ]),
  ]);
  if (problems.length > 0) throw new ConfigError(problems);
}

/** Postern's own paths first, so that no pattern of the configuration can take them over. */
function compileTable(config: GatewayConfig, ports: GatewayPorts): RouteTable<Destination> {
  const upstreams = new Map(
    Array.from(config.upstreams, ([name, upstream]): [string, PreparedUpstream] => [name, {
      name,
      ...createUpstreamPaths(upstream, ports),
      passesHost: upstream.host === "incoming",
      identityHeaders: createIdentityHeaders({ ...mappedHeaders(config), ...upstream.headers }),
      assertion: upstream.assertion === null ? null : {
        header: upstream.assertion.header,
        mint: createAssertionMinter({
          keys: ports.keys,
          upstream: name,
          config: upstream.assertion,
          issuer: config.tokens.issuer,
          subjectClaim: config.tokens.subjectClaim,
          clock: ports.clock,
        }),
      },
    }]),
  );
  return compileRoutes([
    ...ownPaths(config).map((path): RoutePattern<Destination> => ({
      path,
      policyKey: "postern",
      value: { kind: "own" },
    })),
    ...config.routes.map((route): RoutePattern<Destination> => {
      const upstream = upstreams.get(route.upstream);
      if (upstream === undefined) throw new TypeError(`no upstream "${route.upstream}"`);
      return {
        path: route.path,
        ...(route.host === undefined ? {} : { host: route.host }),
        ...(route.methods === undefined ? {} : { methods: route.methods }),
        policyKey: policyKey(route),
        value: {
          kind: "route",
          upstream,
          open: route.auth === "none",
          strict: route.revocation === "strict",
          transparent: route.refresh === "transparent",
          satisfied: route.require === undefined ? null : compileRequirement(route.require),
          requiredScope: route.require?.scope,
          maxBodyBytes: route.maxBody === undefined
            ? config.limits.bodyBytes
            : sizeBytes(route.maxBody),
          rewrite: route.rewrite === undefined ? null : createRewrite(route.rewrite),
          requestHeaders: compileHeaderRules(route.requestHeaders),
          responseHeaders: compileHeaderRules(route.responseHeaders),
          cors: route.cors === undefined ? null : createCors(route.cors),
        },
      };
    }),
  ]);
}

/** Never forwarded, whatever the configuration says. */
function ownPaths({ paths }: GatewayConfig): string[] {
  return [`${paths.auth}/*`, `${paths.token}/*`, "/.well-known/jwks.json"];
}

/** Two routes with the same key protect in the same way, so a path may be read as either. */
function policyKey(route: RouteConfig): string {
  const { upstream, auth, revocation } = route;
  return JSON.stringify({
    upstream,
    auth,
    revocation,
    require: route.require ?? null,
    // What an upstream is told about a request may decide what it does.
    requestHeaders: route.requestHeaders ?? null,
  });
}

/** Every claim mapped in the identity source reaches upstreams as `X-Auth-<Claim>`. */
function mappedHeaders(config: GatewayConfig): Record<string, string> {
  if (config.identity.kind !== "upstream") return {};
  return Object.fromEntries(
    Object.keys(config.identity.claims)
      .filter((claim) => claim !== "scope")
      .map((claim) => [claimHeader(claim), claim]),
  );
}

function identityHeaderNames(config: GatewayConfig): string[] {
  return [
    ...Object.keys(mappedHeaders(config)),
    ...Array.from(config.upstreams.values()).flatMap((upstream) => Object.keys(upstream.headers)),
  ];
}
