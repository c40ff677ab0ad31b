/**
 * How Deno reaches upstreams.
 *
 * @module
 */
import type { GatewayConfig } from "../../config/config.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Transport } from "../../proxy/forward.ts";
import { fromWebSocket } from "../../proxy/web_socket.ts";
import type { AcceptedSocket } from "../../proxy/web_socket.ts";
import type { OpenConnections } from "./open_connections.ts";
import { dial } from "../../proxy/ws_dial.ts";

/** The contents of an upstream's PEM files. */
export interface UpstreamPem {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** How Deno reaches upstreams. `pem` tells the certificates of those that have some. */
export function createDenoTransport(
  pem: ReadonlyMap<string, UpstreamPem> = new Map(),
  open?: Pick<OpenConnections, "socket">,
): Transport {
  const accept = createAccept(open);
  const shared = { fetch, webSocket: { dial, accept } };
  return {
    ...shared,
    decodesBodies: true,
    forUpstream({ name, host }) {
      const files = pem.get(name);
      if (files === undefined && host === "target") return null;
      const { ca, cert, key } = files ?? {};
      const client = Deno.createHttpClient({
        allowHost: host === "incoming",
        // The host name belongs to one target's certificate: HTTP/2 would merge it away.
        ...(host === "incoming" ? { http2: false } : {}),
        ...(ca === undefined ? {} : { caCerts: [ca] }),
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
      });
      return {
        fetch: (input, init) => fetch(input, { ...init, client }),
        webSocket: {
          dial: (handshake) => dial(handshake, { ca, cert, key }),
          accept,
        },
      };
    },
  };
}

export function readUpstreamFiles(config: GatewayConfig): Map<string, UpstreamPem> {
  const contents = new Map<string, UpstreamPem>();
  const problems: string[] = [];
  for (const { name, tls } of config.upstreams.values()) {
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
    contents.set(name, {
      ...read("ca", tls.caPath),
      ...read("cert", tls.certPath),
      ...read("key", tls.keyPath),
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return contents;
}

function createAccept(open: Pick<OpenConnections, "socket"> | undefined) {
  return function accept(request: Request, protocol: string): AcceptedSocket {
    const { socket, response } = Deno.upgradeWebSocket(request);
    open?.socket(socket);
    // Its own option takes a list written with comma and space only.
    if (protocol !== "") response.headers.set("sec-websocket-protocol", protocol);
    return { end: fromWebSocket(socket), response };
  };
}
