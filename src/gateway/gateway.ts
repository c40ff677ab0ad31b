/**
 * The one place where the rooms are put together, for one configuration.
 *
 * @module
 */
import { createLimits } from "../access/limits.ts";
import { createMatch } from "../access/match.ts";
import type { GatewayConfig } from "../config/config.ts";
import { surroundingsOf } from "../http/around.ts";
import type { ConnectionInfo, Surroundings } from "../http/around.ts";
import { createClientResolver } from "../http/client_address.ts";
import type { HeaderReader } from "../http/headers.ts";
import { traceOf } from "../http/trace.ts";
import { createNoteAnswer } from "../proxy/access_log.ts";
import { createFinish } from "../proxy/answer.ts";
import { createHandle } from "../proxy/handle.ts";
import { createOutgoingHeaders } from "../proxy/prepare.ts";
import { createRequestHeaderFilter } from "../proxy/request_filter.ts";
import { createLifelines } from "../sessions/lifeline.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { createTokenScanner } from "../tokens/scan.ts";
import { createAccess } from "./access.ts";
import type { Core } from "./core.ts";
import { createEndpoints } from "./endpoints.ts";
import type { GatewayPorts } from "./ports.ts";
import { compileTable } from "./table.ts";
import { identityHeaderNames, openUpstreams } from "./upstreams.ts";

/** What the admin listener asks of a gateway. */
export interface GatewayInside {
  readonly core: Core;
  readonly config: GatewayConfig;
  readonly sessions: Sessions;
}

/** A gateway for one configuration. */
export interface Gateway {
  /** Answers one request. */
  readonly fetch: (request: Request, connection: ConnectionInfo) => Response | Promise<Response>;
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
  const clientOf = createClientResolver(config.trustedProxies);

  function surroundings(headers: HeaderReader, connection: ConnectionInfo): Surroundings {
    const client = clientOf(headers, connection.remoteAddress);
    const trace = traceOf(headers, client.viaTrustedProxy);
    return surroundingsOf(client, trace, connection.waitUntil, core.events);
  }

  const scanner = createTokenScanner({
    ...config.tokens,
    issuers: config.issuers.map(({ issuer }) => issuer),
  });
  const attachLifeline = createLifelines({
    view: core.view,
    clock: core.clock,
    pollIntervalMs: config.revocation.pollIntervalMs,
    leewayMs: config.longLived.leewayMs,
  });
  const handleProxied = createHandle({
    scheme: config.secure ? "https" : "http",
    surroundings,
    access: {
      checkLimits: createLimits(config.limits),
      match: createMatch({ table: compileTable(core, config, upstreams), scanner }),
      decide: access.decide,
      words: access.words,
    },
    outgoingHeaders: createOutgoingHeaders({
      origin: config.origin,
      jar: access.jar,
      staysBehind: createRequestHeaderFilter(identityHeaderNames(config)),
      scanner,
    }),
    finish: createFinish(attachLifeline),
    noteAnswer: createNoteAnswer({ metrics: core.metrics, logsAccess: config.log.access }),
    hiddenBody: ports.hiddenBody ?? (() => null),
    attachLifeline,
  });
  const app = createEndpoints({ core, access, config, ports, surroundings });
  app.all("*", (c) => handleProxied(c.req.raw, c.env));
  return {
    fetch: (request, connection) => app.fetch(request, connection),
    inside: { core, config, sessions: access.sessions },
    close() {
      upstreams.close();
      ports.background?.close();
    },
  };
}
