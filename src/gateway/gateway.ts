/**
 * The one place where the rooms are put together, for one configuration.
 *
 * @module
 */
import { failure } from "../access/failure.ts";
import { createMatch } from "../access/match.ts";
import { SKIPPED_HEADER, skippedReasons } from "../binding/dbsc.ts";
import { isPreflight } from "../browser/cors.ts";
import type { GatewayConfig } from "../config/config.ts";
import { createStrayCheck } from "../endpoints/verify/trust.ts";
import { verifyEndpoints } from "../endpoints/verify/verify.ts";
import type { ConnectionInfo } from "../http/around.ts";
import { createClientResolver } from "../http/client_address.ts";
import { IDENTITY } from "../http/header_names.ts";
import type { Inbound } from "../http/inbound.ts";
import { createLimits } from "../http/limits.ts";
import { createOwnHeaders } from "../http/own_headers.ts";
import { createRead, createReadTold, isLoopback } from "../http/read.ts";
import { createKnownHosts } from "../policy/authority.ts";
import { createOriginOf } from "../policy/origins.ts";
import { createNoteAnswer } from "../proxy/access_log.ts";
import { createFinish } from "../proxy/answer.ts";
import { createHandle } from "../proxy/handle.ts";
import { createOutgoingHeaders } from "../proxy/prepare.ts";
import { tethered } from "../proxy/tethered.ts";
import { createLifelines } from "../sessions/lifeline.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { createTokenScanner } from "../tokens/scan.ts";
import { createAccess } from "./access.ts";
import type { Core } from "./core.ts";
import { createEndpoints } from "./endpoints.ts";
import type { GatewayPorts } from "./ports.ts";
import { compileTable, isAnyHostPath } from "./table.ts";
import { identityHeaderNames, openUpstreams } from "./upstreams.ts";
import type { OpenUpstreams } from "./upstreams.ts";

/** What the admin listener asks of a gateway. */
export interface GatewayInside {
  readonly core: Core;
  readonly config: GatewayConfig;
  readonly sessions: Sessions;
  readonly upstreams: OpenUpstreams["byName"];
  /** Names of providers that failed when they were last asked. */
  failingProviders(): readonly string[];
}

/** A gateway for one configuration. */
export interface Gateway {
  /** Answers one request. */
  readonly fetch: (request: Request, connection: ConnectionInfo) => Promise<Response>;
  /** What it is made of, for those who run it. */
  readonly inside: GatewayInside;
  /** Ends what runs beside requests; those under way go on. */
  close(): void;
}

/**
 * Puts a gateway together. Everything that can be decided from the
 * configuration is decided here, once.
 *
 * @throws {ConfigError} when the runtime has no means to follow a setting.
 * @throws {KeyRingError} when an upstream asks for an assertion no key can sign.
 */
export function createGateway(core: Core, config: GatewayConfig, ports: GatewayPorts): Gateway {
  const upstreams = openUpstreams(config, ports);
  const access = createAccess(core, config, ports);
  const { decide, words, jar } = access;
  const isKnownHost = createKnownHosts({
    origins: [config.origin, ...config.origins],
    hosts: [
      ...config.routes.flatMap(({ host }) => host ?? []),
      // In development all names of this machine are the same.
      ...(isLoopback(new URL(config.origin).hostname) ? ["localhost", "127.0.0.1", "[::1]"] : []),
    ],
  });
  const scheme = config.secure ? "https" : "http";
  const checkLimits = createLimits(config.limits);
  const originOf = createOriginOf([config.origin, ...config.origins]);
  const read = createRead({
    scheme,
    authority: new URL(config.origin).host,
    clientOf: createClientResolver(config.trustedProxies, (peer) =>
      core.events({
        event: "forwarding_untrusted",
        peer,
        reason:
          "it sends X-Forwarded-For or Forwarded and is not in trustedProxies: all who come " +
          "through it count as one client; put its address there, if it is a proxy of yours",
      }, { requestId: "-", clientAddress: peer })),
    checkLimits,
    originOf,
    isKnownHost,
    events: core.events,
  });
  const scanner = createTokenScanner({
    ...config.tokens,
    issuers: config.issuers.map(({ issuer }) => issuer),
  });
  const match = createMatch({
    table: compileTable(core, config, upstreams),
    scanner,
    isKnownHost,
    isAnyHostPath: isAnyHostPath(config),
  });
  const attachLifeline = createLifelines({
    view: core.view,
    clock: core.clock,
    pollIntervalMs: config.revocation.pollIntervalMs,
    leewayMs: config.longLived.leewayMs,
  });
  const finish = createFinish({
    tether: ports.tether ?? tethered,
    attachLifeline,
    withOwnHeaders: createOwnHeaders(config),
    offers: access.offers,
  });
  const outgoingHeaders = createOutgoingHeaders({
    origin: config.origin,
    jar,
    scanner,
    schemes: access.schemes,
  });
  const handle = createHandle({
    decide,
    words,
    outgoingHeaders,
    finish,
    noteAnswer: createNoteAnswer({
      metrics: core.metrics,
      spans: core.spans,
      logsAccess: config.log.access,
    }),
    hiddenBody: ports.hiddenBody ?? (() => null),
    attachLifeline,
  });
  const endpoints = createEndpoints({
    core,
    access,
    config,
    ports,
    verify: verifyEndpoints({
      options: config.verify,
      scheme,
      prefix: config.paths.auth,
      normalisesPaths: ports.normalisesPaths ?? false,
      readTold: createReadTold({ scheme, checkLimits, originOf }),
      access: { match, decide, words },
      outgoing: outgoingHeaders,
      identityNames: [
        ...IDENTITY,
        ...identityHeaderNames(config).map((name) => name.toLowerCase()),
      ],
    }),
  });
  const isStray = createStrayCheck(config.verify, config.paths.auth);

  /** One of Postern's own paths, which front ends on other origins may use if `cors` says so. */
  async function answerOwn(inbound: Inbound, request: Request, connection: ConnectionInfo) {
    const { method, headers } = inbound;
    const { ownCors } = access;
    if (ownCors !== null && isPreflight(method, headers)) return ownCors.preflight(headers);
    const own = await endpoints.fetch(request, { ...connection, inbound });
    return ownCors === null ? own : ownCors.apply(own, headers);
  }

  /** Counts what browsers say of renewals that they skipped; `null`: none is bound. */
  const noteSkipped = config.deviceBinding === null ? null : ({ headers }: Inbound) => {
    const skipped = headers.get(SKIPPED_HEADER);
    if (skipped !== null) skippedReasons(skipped).forEach(core.metrics.renewalSkipped);
  };

  async function answered(inbound: Inbound, request: Request, connection: ConnectionInfo) {
    noteSkipped?.(inbound);
    try {
      if (isStray(inbound.headers, inbound.target.path)) {
        return finish.own(inbound, null, words.refuse(inbound, { code: "untrusted_proxy" }));
      }
      const place = match(inbound);
      switch (place.kind) {
        case "route":
          core.spans?.matched(inbound.around.trace, place.route.pattern);
          return await handle(inbound, place.route, request);
        case "own":
          return finish.own(inbound, null, await answerOwn(inbound, request, connection));
        case "preflight":
          return finish.own(inbound, null, place.cors.preflight(inbound.headers));
        case "refused":
          return finish.own(inbound, null, words.refuse(inbound, place.problem));
      }
    } catch (error) {
      return finish.own(inbound, null, failure(error, inbound.around));
    }
  }

  return {
    async fetch(request, connection) {
      const beganAtMs = core.spans === null ? 0 : performance.now();
      const reading = read(request, connection);
      const asked = reading.kind === "refused" ? reading.asked : reading.inbound;
      const response = reading.kind === "refused"
        ? finish.own(asked, null, words.refuse(asked, reading.problem))
        : await answered(reading.inbound, request, connection);
      const { trace, refusal } = asked.around;
      core.spans?.answered(trace, asked.method, response.status, beganAtMs, refusal);
      return response;
    },
    inside: {
      core,
      config,
      sessions: access.sessions,
      upstreams: upstreams.byName,
      failingProviders: () =>
        Array.from(access.providers.byName)
          .filter(([, { oidc }]) => oidc.isFailing()).map(([name]) => name),
    },
    close() {
      upstreams.close();
      ports.background?.close();
    },
  };
}
