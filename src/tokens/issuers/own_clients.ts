/**
 * Tokens that we sign for programs: verified like those of another issuer, with the
 * public keys of our own ring. There is no session behind them.
 *
 * @module
 */
import type { CallerToken } from "../claims.ts";
import { KeyRingError } from "../key_ring.ts";
import type { KeyRing } from "../key_ring.ts";
import type { TokenOptions } from "../options.ts";
import { TYP } from "../sign.ts";
import type { SigningKey } from "../sign.ts";
import type { IssuerOptions } from "./options.ts";

/** The head of their subjects; no issuer may have this name. */
export const OWN_CLIENTS = "client";

/** Stands for the public keys of the ring where an issuer has an address. */
export const OWN_KEYS = "postern:keys";

/** Whether a caller is one of our own clients, whose tokens go to no upstream. */
export function isOwnClient({ subject }: Pick<CallerToken, "subject">): boolean {
  return subject.startsWith(`${OWN_CLIENTS}|`);
}

/** The key that signs for programs: the first asymmetric one, since anybody may verify. */
export function clientSigner(keys: KeyRing): SigningKey {
  const key = keys.signerFor("EdDSA") ?? keys.signerFor("ES256") ?? keys.signerFor("RS256");
  if (key === null) {
    throw new KeyRingError([
      "POSTERN_KEYS: has no asymmetric private key, and clients need one; `deno task keys` prints such a set",
    ]);
  }
  return key;
}

/** How such tokens are verified; only clients of the configuration have any. */
export function ownClients(tokens: TokenOptions, clients: readonly string[]): IssuerOptions {
  return {
    name: OWN_CLIENTS,
    issuer: tokens.issuer,
    jwks: OWN_KEYS,
    algorithms: ["EdDSA", "ES256", "RS256"],
    types: [TYP.client],
    audience: [tokens.audience],
    clients: { allow: clients },
    clientClaims: ["client_id"],
    claimEquals: {},
    subject: "/sub",
    scope: ["/scope"],
    claims: {},
    actor: "client",
    clockToleranceSeconds: tokens.clockToleranceSeconds,
    maxLifetimeSeconds: tokens.accessTtlSeconds,
  };
}
