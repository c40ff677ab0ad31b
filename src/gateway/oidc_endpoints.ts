/**
 * What the endpoints of providers, and their buttons, are put together from.
 *
 * @module
 */
import type { GatewayConfig } from "../config/config.ts";
import type { OidcEndpointParts, OidcEntry } from "../endpoints/oidc/parts.ts";
import { createSignOutMemory } from "../endpoints/oidc/sign_out_memory.ts";
import type { PageProvider } from "../endpoints/pages/sign_in_page.ts";
import { createFlows } from "../sign_in/pending.ts";
import type { Access } from "./access.ts";
import type { Core } from "./core.ts";

/** The parts of the providers' endpoints, or `null`. */
export function oidcEndpointParts(
  { keys, clock }: Pick<Core, "keys" | "clock">,
  access: Access,
  config: GatewayConfig,
): OidcEndpointParts | null {
  const { secure, paths: { auth: prefix } } = config;
  if (config.providers.size === 0) return null;
  const { hmacKeys } = keys;
  const entries = new Map<string, OidcEntry>();
  for (const [name, { endpoint }] of config.providers) {
    const provider = access.providers.byName.get(name);
    if (provider !== undefined) entries.set(name, { provider, options: endpoint });
  }
  return {
    prefix,
    entries,
    grants: access.providers.grants,
    flows: createFlows({ hmacKeys, secure, clock }),
    memory: createSignOutMemory({ hmacKeys, secure, prefix, clock }),
    clock,
    access,
  };
}

/** What the sign-in page shows of them. */
export function pageProviders(parts: OidcEndpointParts | null): readonly PageProvider[] {
  return Array.from(parts?.entries.values() ?? [], ({ provider, options }) => ({
    name: options.name,
    label: options.label,
    icon: options.icon,
    isFailing: () => provider.oidc.isFailing(),
  }));
}
