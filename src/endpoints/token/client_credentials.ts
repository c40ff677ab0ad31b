/**
 * Access tokens for programs that have no provider of their own (RFC 6749 §4.4).
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import type { KeyRing } from "../../tokens/key_ring.ts";
import type { TokenOptions } from "../../tokens/options.ts";
import { clientSigner } from "../../tokens/issuers/own_clients.ts";
import { signJwt } from "../../tokens/sign.ts";
import type { Grant } from "./grants.ts";
import { readScope } from "./scope.ts";

/** The grant `client_credentials`. */
export function clientCredentials(
  { keys, tokens, clock }: {
    readonly keys: KeyRing;
    readonly tokens: TokenOptions;
    readonly clock: Clock;
  },
): Grant {
  return async function grantToItself({ client, fields, jkt, around }) {
    if (client.scope === null) return { kind: "refused", error: "unauthorized_client" };
    const scope = readScope(fields["scope"], client.scope);
    if (scope === null) return { kind: "refused", error: "invalid_scope" };
    const iat = Math.floor(clock() / 1000);
    const access = await signJwt("client", {
      iss: tokens.issuer,
      aud: tokens.audience,
      sub: client.id,
      client_id: client.id,
      jti: crypto.randomUUID(),
      iat,
      exp: iat + tokens.accessTtlSeconds,
      scope,
      ...(jkt === null ? {} : { cnf: { jkt } }),
    }, clientSigner(keys));
    around.emit({ event: "client_token", client: client.id });
    return {
      kind: "granted",
      answer: {
        access_token: access,
        token_type: jkt === null ? "Bearer" : "DPoP",
        expires_in: tokens.accessTtlSeconds,
        scope,
      },
    };
  };
}
