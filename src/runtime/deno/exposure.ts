/**
 * What only the process's environment can make unsafe (guarantee 9).
 *
 * @module
 */
import type { Environment } from "../../base/environment.ts";
import type { GatewayConfig } from "../../config/config.ts";
import { isLoopbackHost } from "../../config/exposure.ts";
import { ConfigError } from "../../config/problems.ts";
import { DEMO_TARGET } from "../../demo/upstream.ts";

/**
 * The demo user has a published password: whoever reaches the port is signed in, and
 * must not be in front of anything real.
 *
 * @throws {ConfigError} when others than this machine could be.
 */
export function assertDemoIsLocal(config: GatewayConfig, env: Environment): void {
  const hostname = env["POSTERN_HOST"] || "127.0.0.1";
  if (config.identity.kind !== "demo" || isLoopbackHost(hostname)) return;
  const isReal = Array.from(config.upstreams.values())
    .some(({ targets }) => targets.some((target) => target !== DEMO_TARGET));
  if (!isReal) return;
  throw new ConfigError([
    `POSTERN_HOST: "${hostname}" lets the network reach a real backend as the demo user, whose password is published; use 127.0.0.1, or an identity of kind "upstream"`,
  ]);
}
