/**
 * Opens the identity source that the configuration names.
 *
 * @module
 */
import { createDemoIdentity } from "./demo.ts";
import type { IdentityOptions } from "./options.ts";
import type { IdentitySource } from "./port.ts";
import { createUpstreamIdentity } from "./upstream.ts";

/** The identity source of a configuration. */
export function createIdentitySource(
  config: IdentityOptions,
  ports: { readonly fetch: typeof fetch },
): IdentitySource {
  if (config.kind === "none") return createDemoIdentity([]);
  if (config.kind === "demo") return createDemoIdentity();
  return createUpstreamIdentity(config, ports);
}
