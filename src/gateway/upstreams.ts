/**
 * Upstreams, prepared for requests.
 *
 * @module
 */
import { claimHeader } from "../access/identity_headers.ts";
import type { GatewayConfig, UpstreamConfig } from "../config/config.ts";
import { ConfigError } from "../config/problems.ts";
import { createConnect } from "../proxy/connect.ts";
import { createForward } from "../proxy/forward.ts";
import type { UpstreamTransport } from "../proxy/forward.ts";
import { startHealthChecks } from "../proxy/health.ts";
import { createPool } from "../proxy/pool.ts";
import type { PreparedUpstream } from "../proxy/route.ts";
import type { GatewayPorts } from "./ports.ts";

/** The two ways to an upstream, which share its targets. */
export function createUpstreamPaths(
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
export function assertPossible(config: GatewayConfig, { transport }: GatewayPorts): void {
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

/** Every claim that a source maps reaches upstreams as `X-Auth-<Claim>`. */
export function mappedHeaders(
  { identity, providers, issuers }: GatewayConfig,
): Record<string, string> {
  const mapped = [
    ...(identity.kind === "upstream" ? Object.keys(identity.claims) : []),
    ...Array.from(providers.values()).flatMap(({ admission }) => Object.keys(admission.claims)),
    ...issuers.flatMap(({ claims }) => Object.keys(claims)),
  ];
  return Object.fromEntries(
    mapped
      .filter((claim) => claim !== "scope")
      .map((claim) => [claimHeader(claim), claim]),
  );
}

export function identityHeaderNames(config: GatewayConfig): string[] {
  return [
    ...Object.keys(mappedHeaders(config)),
    ...Array.from(config.upstreams.values()).flatMap((upstream) => Object.keys(upstream.headers)),
  ];
}
