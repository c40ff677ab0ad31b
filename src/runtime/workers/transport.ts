/**
 * How Workers reach upstreams: through `fetch`, which leaves little to say.
 *
 * @module
 */
import { DEMO_TARGET, demoFetch } from "../../demo/upstream.ts";
import { createFetchTransport } from "../../upstream/fetch_transport.ts";
import { DEFAULT_CONNECTION } from "../../upstream/options.ts";
import type { UpstreamOptions } from "../../upstream/options.ts";
import type { Transports } from "../../upstream/transport.ts";
import { acceptWebSocket, takeWebSocket } from "./web_socket.ts";

type FixedLength = new (bytes: number) => TransformStream<Uint8Array, Uint8Array>;

/** Prepares it; `fetch` must not answer from any cache. */
export function createWorkerTransports(fetch: typeof globalThis.fetch): Transports {
  return {
    open: (target) =>
      createFetchTransport({
        fetch: target === DEMO_TARGET ? demoFetch : fetch,
        origin: target,
        isolatesRequests: true,
        fixedLength,
        takeWebSocket,
      }),
    acceptWebSocket,
    refusals,
    isolatesRequests: true,
  };
}

/** Keeps the declared length of an upload that we read on its way. */
function fixedLength(stream: ReadableStream<Uint8Array>, bytes: number) {
  const { FixedLengthStream } = globalThis as unknown as { FixedLengthStream: FixedLength };
  const { readable, writable } = new FixedLengthStream(bytes);
  // What goes wrong with it, `fetch` says.
  void stream.pipeTo(writable).catch(() => {});
  return readable;
}

/** What a setting would need, and what to put in its place. */
function refusals(options: UpstreamOptions): string[] {
  const { name, targets, tls, host, health, connection } = options;
  const problems: string[] = [];
  const refuse = (setting: string, why: string) => {
    problems.push(`upstreams.${name}.${setting}: ${why}`);
  };
  if (tls !== null) {
    refuse(
      "tls",
      "certificates for upstreams are files, and this runtime has none; remove the setting, or bind the certificate to the Worker (mTLS binding) in front of it",
    );
  }
  if (host !== "target") {
    refuse(
      "host",
      'this runtime always sends the target\'s own Host; use "target" (the upstream finds the other in X-Forwarded-Host)',
    );
  }
  if (health !== null) {
    refuse("health", "nothing runs outside a request here; remove it and let `ejection` do it");
  }
  if (targets.some((target) => target.startsWith("unix:"))) {
    refuse("targets", "this runtime has no Unix sockets; use an http(s) origin");
  }
  const defaults = DEFAULT_CONNECTION;
  const { connectTimeoutMs, keepAliveMs, http2, answerHeaders } = connection;
  const own = "this runtime has connections of its own; remove the setting";
  if (connectTimeoutMs !== defaults.connectTimeoutMs) refuse("connectTimeout", own);
  if (keepAliveMs !== defaults.keepAliveMs) refuse("keepAlive", own);
  if (http2 !== defaults.http2) refuse("http2", own);
  if (
    answerHeaders.bytes !== defaults.answerHeaders.bytes ||
    answerHeaders.lines !== defaults.answerHeaders.lines
  ) refuse("answerHeaders", "this runtime has limits of its own; remove the setting");
  return problems;
}
