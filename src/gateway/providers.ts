/**
 * OpenID providers, put together; nothing of it is built where there are none.
 *
 * @module
 */
import type { GatewayConfig } from "../config/config.ts";
import type { OidcEndpointParts, OidcEntry } from "../endpoints/oidc/parts.ts";
import { createSignOutMemory } from "../endpoints/oidc/sign_out_memory.ts";
import type { PageProvider } from "../endpoints/pages/pages.ts";
import { createOidcProvider } from "../identity/oidc/provider.ts";
import { createGroupNames } from "../sessions/group_names.ts";
import { createAdmit } from "../sign_in/admission.ts";
import { createFlows } from "../sign_in/pending.ts";
import type { Access } from "./access.ts";
import type { Core } from "./core.ts";
import type { GatewayPorts } from "./ports.ts";

/** The parts of the providers' endpoints, or `null`. */
export function createProviders(
  { keys, clock }: Pick<Core, "keys" | "clock">,
  access: Access,
  config: GatewayConfig,
  ports: GatewayPorts,
): OidcEndpointParts | null {
  const { providers, origin, secure, paths: { auth: prefix } } = config;
  if (providers.size === 0) return null;
  const { hmacKeys } = keys;
  const fetch = ports.askFetch ?? globalThis.fetch;
  const entries = new Map(
    Array.from(providers, ([name, each]): [string, OidcEntry] => [name, {
      provider: {
        oidc: createOidcProvider(each.oidc, { fetch, keys, clock }),
        issuer: each.oidc.issuer,
        admit: createAdmit(each.admission),
        rechecks: each.rechecks,
      },
      options: each.endpoint,
    }]),
  );
  return {
    origin,
    prefix,
    entries,
    flows: createFlows({ hmacKeys, secure, clock }),
    groupNames: createGroupNames(access.sessions.nameGroup),
    memory: createSignOutMemory({ hmacKeys, secure, prefix, clock }),
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
