/**
 * Opens the identity source that the configuration names.
 *
 * @module
 */
import type { IdentityConfig } from "../config/config.ts";
import { createDemoIdentity } from "./demo.ts";
import type { IdentitySource } from "./port.ts";
import { createUpstreamIdentity } from "./upstream.ts";

/** The identity source of a configuration. */
export function createIdentitySource(
  config: IdentityConfig,
  ports: { readonly fetch: typeof fetch },
): IdentitySource {
  if (config.kind === "demo") return createDemoIdentity();
  return createUpstreamIdentity(config, ports);
}
