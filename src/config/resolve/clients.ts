/**
 * `clients`, resolved.
 *
 * @module
 */
import type { MachineOptions } from "../../endpoints/token/machine_clients.ts";
import type { ConfigFile } from "../schema/file.ts";

export function resolveClients(clients: ConfigFile["clients"]): readonly MachineOptions[] {
  return Object.entries(clients).map(([id, { secretHash, jwks, scope }]) => ({
    id,
    secretSha256: secretHash?.slice("sha256:".length) ?? null,
    jwks: jwks ?? null,
    scope,
  }));
}
