/**
 * How Postern proves to a provider that it is the client.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import type { KeyRing } from "../../tokens/key_ring.ts";
import type { ClientAuthOptions } from "./options.ts";

/** Whether a ring has a key that `private_key_jwt` can sign with. */
export function canSignAssertions(keys: KeyRing): boolean {
  return assertionKey(keys) !== null;
}

/**
 * Prepares client authentication.
 *
 * @throws TypeError when `private_key_jwt` is wanted and the ring has HMAC keys only;
 * configuration checks say so before.
 */
export function createClientAuth(options: ClientAuthOptions, keys: KeyRing): oauth.ClientAuth {
  switch (options.kind) {
    case "client_secret_basic":
      return oauth.ClientSecretBasic(options.secret);
    case "client_secret_post":
      return oauth.ClientSecretPost(options.secret);
    case "none":
      return oauth.None();
    case "private_key_jwt": {
      const key = assertionKey(keys);
      if (key === null) throw new TypeError("private_key_jwt needs an asymmetric key in the ring");
      return oauth.PrivateKeyJwt({ key: key.signKey, kid: key.kid });
    }
  }
}

/** ES256 first: FAPI 2.0 and nearly every provider know it. */
function assertionKey(keys: KeyRing) {
  return keys.signerFor("ES256") ?? keys.signerFor("RS256") ?? keys.signerFor("EdDSA");
}
