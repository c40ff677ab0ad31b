/**
 * `upstreams`, resolved.
 *
 * @module
 */
import { durationMs, seconds } from "../../base/duration.ts";
import { sizeBytes } from "../../base/size.ts";
import type { EjectionOptions } from "../../upstream/options.ts";
import type { UpstreamConfig } from "../config.ts";
import type { ConfigFile } from "../schema/file.ts";

export function resolveUpstream(
  name: string,
  upstream: ConfigFile["upstreams"][string],
): UpstreamConfig {
  const { assertion, health, tls } = upstream;
  const options = assertion === true
    ? { header: "X-Auth-Assertion", ttl: "60s", alg: "ES256", audience: undefined } as const
    : assertion;
  return {
    name,
    targets: upstream.targets.map((target) =>
      target.startsWith("unix:") ? target : new URL(target).origin
    ),
    timeoutMs: durationMs(upstream.timeout),
    idleTimeoutMs: durationMs(upstream.idleTimeout),
    maxConcurrent: upstream.maxConcurrent,
    host: upstream.host,
    health: health === undefined ? null : {
      path: health.path,
      intervalMs: durationMs(health.interval),
      timeoutMs: durationMs(health.timeout),
      healthyAfter: health.healthyAfter,
      unhealthyAfter: health.unhealthyAfter,
    },
    ejection: resolveEjection(upstream),
    tls: tls === undefined ? null : {
      caPath: tls.ca ?? null,
      certPath: tls.cert ?? null,
      keyPath: tls.key ?? null,
      serverName: tls.serverName ?? null,
    },
    connection: {
      connectTimeoutMs: durationMs(upstream.connectTimeout),
      keepAliveMs: durationMs(upstream.keepAlive),
      http2: upstream.http2,
      answerHeaders: {
        bytes: sizeBytes(upstream.answerHeaders.bytes),
        lines: upstream.answerHeaders.lines,
      },
      via: upstream.via,
    },
    assertion: options === false ? null : {
      header: options.header,
      audience: options.audience ?? name,
      ttlSeconds: seconds(options.ttl),
      alg: options.alg,
    },
    forwardToken: upstream.forwardToken,
    headers: upstream.headers,
  };
}

/** Giving its only target a rest helps nobody, unless somebody asks for it. */
function resolveEjection(upstream: ConfigFile["upstreams"][string]): EjectionOptions | null {
  const { ejection, targets } = upstream;
  if (ejection === undefined) {
    return targets.length < 2 ? null : { failures: 5, forMs: 10_000, statuses: new Set() };
  }
  return {
    failures: ejection.failures,
    forMs: durationMs(ejection.for),
    statuses: new Set<number>(ejection.statuses),
  };
}
