/**
 * Requests to one target through `undici`, the HTTP client of Node.js: what goes
 * out is what it is given, line by line, and nothing is sent twice.
 *
 * @module
 */
import { Pool } from "undici";
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
  /** Of the certificate, and SNI; `undefined` without TLS. */
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
    connect: {
      timeout: connection.connectTimeoutMs,
      ...(place.socketPath === undefined ? {} : { socketPath: place.socketPath }),
      ...(pem.ca === undefined ? {} : { ca: pem.ca }),
      ...(pem.cert === undefined ? {} : { cert: pem.cert }),
      ...(pem.key === undefined ? {} : { key: pem.key }),
    },
  });
  const limits = { maxLines: connection.answerHeaders.lines };

  return {
    send(request, observer): Exchange {
      const exchange = new UndiciExchange(request, observer, limits);
      pool.dispatch(optionsOf(request, place.serverName), exchange);
      return exchange;
    },
  };
}

function optionsOf(
  { method, target, headers, body, upgrades }: WireRequest,
  serverName: string | undefined,
): Dispatcher.DispatchOptions {
  const flat: string[] = [];
  for (const [name, value] of headers) flat.push(name, value);
  if (body !== null && body.bytes !== null) flat.push("content-length", String(body.bytes));
  const options: Dispatcher.DispatchOptions & { servername?: string } = {
    method: method as Dispatcher.HttpMethod,
    path: target,
    headers: flat,
    // Typed as what Node.js has; any iterable will do.
    body: body as unknown as Uint8Array | null,
  };
  if (upgrades) options.upgrade = "websocket";
  // Else the name in the client's `Host` would be looked for in the certificate.
  if (serverName !== undefined) options.servername = serverName;
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
  const { protocol, hostname } = new URL(target);
  return {
    origin: target,
    socketPath: undefined,
    serverName: protocol === "https:" ? serverName ?? hostname.replace(/^\[|\]$/g, "") : undefined,
  };
}
