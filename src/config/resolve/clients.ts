/**
 * `clients`, resolved.
 *
 * @module
 */
import type { MachineOptions } from "../../endpoints/token/machine_clients.ts";
import type { ConfigFile } from "../schema/file.ts";

export function resolveClients(clients: ConfigFile["clients"]): readonly MachineOptions[] {
  return Object.entries(clients).map(([id, { secretHash, jwks, scope, exchange }]) => ({
    id,
    secretSha256: secretHash?.slice("sha256:".length) ?? null,
    jwks: jwks ?? null,
    // Who is there to exchange tokens only is nobody by itself.
    scope: scope ?? (exchange === undefined ? [] : null),
    exchange: exchange ?? null,
  }));
}
