/**
 * Who vouches for callers beside the password endpoint and the tokens from before.
 *
 * @module
 */
import type { GatewayConfig } from "../config/config.ts";
import { OWN_CLIENTS } from "../tokens/issuers/own_clients.ts";

/** Names of the sources whose subjects are written `name|…`: nobody else's may be. */
export function namedSources(
  { providers, issuers }: Pick<GatewayConfig, "providers" | "issuers">,
): readonly string[] {
  return [OWN_CLIENTS, ...providers.keys(), ...issuers.map(({ name }) => name)];
}
