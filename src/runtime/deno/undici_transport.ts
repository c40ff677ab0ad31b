/**
 * Requests to one target through `undici`, the HTTP client of Node.js: what goes
 * out is what it is given, line by line, and nothing is sent twice.
 *
 * @module
 */
import { buildConnector, Pool } from "undici";
import type { Dispatcher } from "undici";
import type { UpstreamOptions } from "../../upstream/options.ts";
import type { Exchange, Transport, WireRequest } from "../../upstream/transport.ts";
import { UndiciExchange } from "./undici_exchange.ts";

/** The contents of an upstream's PEM files. */
export interface UpstreamPem {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Where a target is, taken apart. */
interface Place {
  /** What the connection is opened with; for a Unix socket its `Host`, too. */
  readonly origin: string;
  readonly socketPath: string | undefined;
  /** Of the certificate, and SNI, where it is not the host of the origin. */
  readonly serverName: string | undefined;
}

/** Opens connections to one target. Environment variables such as `HTTP_PROXY` have no say. */
export function createUndiciTransport(
  target: string,
  options: UpstreamOptions,
  pem: UpstreamPem,
): Transport {
  const place = placeOf(target, options.tls?.serverName ?? null);
  const { connection } = options;
  const connect = buildConnector({
    allowH2: connection.http2,
    timeout: connection.connectTimeoutMs,
    ...(place.socketPath === undefined ? {} : { socketPath: place.socketPath }),
    ...(pem.ca === undefined ? {} : { ca: pem.ca }),
    ...(pem.cert === undefined ? {} : { cert: pem.cert }),
    ...(pem.key === undefined ? {} : { key: pem.key }),
  });
  const pool = new Pool(place.origin, {
    pipelining: 1,
    allowH2: connection.http2,
    keepAliveTimeout: connection.keepAliveMs,
    // What a server says of itself may make it shorter, never longer.
    keepAliveMaxTimeout: connection.keepAliveMs,
    maxHeaderSize: connection.answerHeaders.bytes,
    // Both are looked after by the sweep, which knows who is waiting for whom.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Whatever `Host` a request carries, the target has to be who it is by our own word.
    connect: (options, callback) => {
      const { servername: _ofRequest, ...rest } = options;
      connect(
        place.serverName === undefined ? rest : { ...rest, servername: place.serverName },
        callback,
      );
    },
  });
  const limits = { maxLines: connection.answerHeaders.lines };

  return {
    send(request, observer): Exchange {
      const exchange = new UndiciExchange(request, observer, limits);
      pool.dispatch(optionsOf(request), exchange);
      return exchange;
    },
  };
}

function optionsOf(
  { method, target, headers, body, upgrades }: WireRequest,
): Dispatcher.DispatchOptions {
  const flat: string[] = [];
  for (const [name, value] of headers) flat.push(name, value);
  if (body !== null && body.bytes !== null) flat.push("content-length", String(body.bytes));
  const options: Dispatcher.DispatchOptions & { servername: string } = {
    // One for all: else each `Host` would get a connection of its own.
    servername: "target",
    method: method as Dispatcher.HttpMethod,
    path: target,
    headers: flat,
    // Typed as what Node.js has; any iterable will do.
    body: body as unknown as Uint8Array | null,
  };
  if (upgrades) options.upgrade = "websocket";
  return options;
}

const UNIX = "unix:";

function placeOf(target: string, serverName: string | null): Place {
  if (target.startsWith(UNIX)) {
    return {
      origin: "http://localhost",
      socketPath: target.slice(UNIX.length),
      serverName: undefined,
    };
  }
  return { origin: target, socketPath: undefined, serverName: serverName ?? undefined };
}
