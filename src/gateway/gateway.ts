/**
 * The one place where the parts are put together.
 *
 * @module
 */
import { Hono } from "hono";
import { createToCookies } from "../access/cookie_session.ts";
import { createDecide } from "../access/decide.ts";
import { failure } from "../access/failure.ts";
import { createIdentify } from "../access/identify.ts";
import { createLeakGuard } from "../access/leak_guard.ts";
import { createLimits } from "../access/limits.ts";
import { createMatch } from "../access/match.ts";
import { createRefusalWords } from "../access/refusal.ts";
import { createRenew } from "../access/renew.ts";
import { createAuthenticate } from "../access/standing.ts";
import { operations } from "../admin/health.ts";
import { createCookieJar } from "../browser/cookies.ts";
import { createCsrf } from "../browser/csrf.ts";
import type { GatewayConfig } from "../config/config.ts";
import { pages } from "../endpoints/pages/pages.ts";
import { cookieTransport } from "../endpoints/session/session.ts";
import { createSignInAttempt } from "../endpoints/session/sign_in_form.ts";
import type { BrowserParts } from "../endpoints/session/sign_in_form.ts";
import { jwksEndpoint } from "../endpoints/standards/jwks.ts";
import { tokenStandards } from "../endpoints/standards/standards.ts";
import { tokenTransport } from "../endpoints/token/token.ts";
import { surroundingsOf } from "../http/around.ts";
import type { ConnectionInfo, Surroundings } from "../http/around.ts";
import { createClientResolver } from "../http/client_address.ts";
import { fail } from "../http/endpoint.ts";
import type { GatewayEnv } from "../http/endpoint.ts";
import type { HeaderReader } from "../http/headers.ts";
import { OWN_SECURITY_HEADERS } from "../http/problem.ts";
import { traceOf } from "../http/trace.ts";
import { createRecheck } from "../identity/recheck.ts";
import { createVerifyElsewhere } from "../identity/verify_elsewhere.ts";
import { readTarget } from "../policy/target.ts";
import { createNoteAnswer } from "../proxy/access_log.ts";
import { createFinish } from "../proxy/answer.ts";
import { createHandle } from "../proxy/handle.ts";
import { createOutgoingHeaders } from "../proxy/prepare.ts";
import { createRequestHeaderFilter } from "../proxy/request_filter.ts";
import { createLifelines } from "../sessions/lifeline.ts";
import { createRevocationView } from "../sessions/revocation_view.ts";
import { createSessions } from "../sessions/sessions.ts";
import { createSignIn } from "../sign_in/sign_in.ts";
import type { EventSink } from "../telemetry/events.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { createLegacyCheck } from "../tokens/legacy.ts";
import { createPairMinter } from "../tokens/mint.ts";
import { createTokenVerifier } from "../tokens/verify.ts";
import type { GatewayPorts } from "./ports.ts";
import { compileTable, ownPaths } from "./table.ts";
import { assertPossible, identityHeaderNames } from "./upstreams.ts";

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
    const target = readTarget(c.req.raw.url);
    if ("problem" in target) return fail(c, { code: target.code, detail: target.problem });
    await next();
  });
  const { origin } = config;
  const toCookies = createToCookies({ jar, csrf, clock });
  const renew = createRenew({ sessions, toCookies });
  const identify = createIdentify({ origin, csrf, verifier, authenticate, renew });
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
    identify,
    renew,
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
  const words = createRefusalWords({
    loginPath: `${auth}/login`,
    compat: config.compat,
    jar,
    verifier,
  });
  const attachLifeline = createLifelines({
    view,
    clock,
    pollIntervalMs: config.revocation.pollIntervalMs,
    leewayMs: config.longLived.leewayMs,
  });
  const handleProxied = createHandle({
    scheme: config.secure ? "https" : "http",
    surroundings,
    access: {
      checkLimits: createLimits(config.limits),
      match: createMatch({ table: compileTable(config, ports), leakGuard }),
      decide: createDecide({ jar, sessions, identify }),
      words,
    },
    outgoingHeaders: createOutgoingHeaders({
      origin,
      jar,
      staysBehind: createRequestHeaderFilter(identityHeaderNames(config)),
      leakGuard,
    }),
    finish: createFinish(attachLifeline),
    noteAnswer: createNoteAnswer({ metrics, logsAccess: config.log.access }),
    attachLifeline,
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
