/**
 * How Deno reaches upstreams.
 *
 * @module
 */
import { ConfigError } from "../../config/problems.ts";
import { DEMO_TARGET, demoFetch } from "../../demo/upstream.ts";
import { createFetchTransport } from "../../upstream/fetch_transport.ts";
import type { UpstreamOptions } from "../../upstream/options.ts";
import type { Transports } from "../../upstream/transport.ts";
import type { OpenConnections } from "./open_connections.ts";
import { pemProblems } from "./pem.ts";
import { createUndiciTransport } from "./undici_transport.ts";
import type { UpstreamPem } from "./undici_transport.ts";
import { createAccept } from "./web_socket.ts";

const NO_PEM: UpstreamPem = {};

/**
 * `pem` tells the certificates of those upstreams that have some, by name; `open`
 * hears of each WebSocket of a client.
 */
export function createDenoTransports(
  pem: ReadonlyMap<string, UpstreamPem> = new Map(),
  open?: Pick<OpenConnections, "socket">,
): Transports {
  return {
    open: (target, options) =>
      target === DEMO_TARGET
        ? createFetchTransport({ fetch: demoFetch, origin: target, isolatesRequests: false })
        : createUndiciTransport(target, options, pem.get(options.name) ?? NO_PEM),
    acceptWebSocket: createAccept(open),
    refusals: () => [],
    isolatesRequests: false,
  };
}

/**
 * Reads the PEM files of all upstreams.
 *
 * @throws {ConfigError} which names every one that can not be read.
 */
export function readUpstreamFiles(upstreams: Iterable<UpstreamOptions>): Map<string, UpstreamPem> {
  const contents = new Map<string, UpstreamPem>();
  const problems: string[] = [];
  for (const { name, tls } of upstreams) {
    if (tls === null) continue;
    const read = (setting: string, path: string | null) => {
      if (path === null) return {};
      try {
        return { [setting]: Deno.readTextFileSync(path) };
      } catch (error) {
        problems.push(`upstreams.${name}.tls.${setting}: "${path}" can not be read: ${error}`);
        return {};
      }
    };
    const files: UpstreamPem = {
      ...read("ca", tls.caPath),
      ...read("cert", tls.certPath),
      ...read("key", tls.keyPath),
    };
    contents.set(name, files);
    problems.push(...pemProblems(name, files));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return contents;
}
