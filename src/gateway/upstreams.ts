/**
 * Upstreams, prepared for requests.
 *
 * @module
 */
import { claimHeader } from "../access/identity_headers.ts";
import type { GatewayConfig } from "../config/config.ts";
import { ConfigError } from "../config/problems.ts";
import { openUpstream } from "../upstream/open.ts";
import type { Upstream } from "../upstream/open.ts";
import type { GatewayPorts } from "./ports.ts";

/** The upstreams of a configuration, by name. */
export interface OpenUpstreams {
  readonly byName: ReadonlyMap<string, Upstream>;
  /** Ends health checks; requests under way, and those that still come, go on. */
  close(): void;
}

/**
 * Opens all upstreams of a configuration.
 *
 * @throws {ConfigError} which names every setting that this runtime can not follow.
 */
export function openUpstreams(
  { upstreams }: Pick<GatewayConfig, "upstreams">,
  { transports, background }: Pick<GatewayPorts, "transports" | "background">,
): OpenUpstreams {
  const problems = [...upstreams.values()].flatMap((each) => transports.refusals(each));
  if (problems.length > 0) throw new ConfigError(problems);
  const byName = new Map(
    Array.from(upstreams, ([name, each]) => [name, openUpstream(each, transports, background)]),
  );
  return {
    byName,
    close() {
      for (const upstream of byName.values()) upstream.close();
    },
  };
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
