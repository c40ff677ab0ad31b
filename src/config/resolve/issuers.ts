/**
 * `issuers`, resolved.
 *
 * @module
 */
import { seconds } from "../../base/duration.ts";
import type { IssuerOptions } from "../../tokens/issuers/options.ts";
import { normalType } from "../../tokens/issuers/signature.ts";
import type { ConfigFile } from "../schema/file.ts";

export function resolveIssuers(issuers: ConfigFile["issuers"]): readonly IssuerOptions[] {
  return Object.entries(issuers).map(([name, issuer]) => ({
    name,
    issuer: issuer.issuer,
    jwks: issuer.jwks ?? null,
    algorithms: issuer.algorithms,
    types: issuer.types.map(normalType),
    audience: issuer.audience === undefined ? null : [issuer.audience].flat(),
    clients: issuer.clients === undefined ? null : { allow: issuer.clients },
    clientClaims: issuer.clientClaims,
    claimEquals: issuer.claimEquals,
    subject: issuer.subject,
    scope: [issuer.scope].flat(),
    claims: issuer.claims,
    actor: issuer.actor,
    clockToleranceSeconds: seconds(issuer.clockTolerance),
    maxLifetimeSeconds: seconds(issuer.maxLifetime),
  }));
}

/** The longest that a token of somebody else's is accepted for; 0 where none is. */
export function longestForeignSeconds(issuers: ConfigFile["issuers"]): number {
  return Math.max(
    0,
    ...resolveIssuers(issuers).map((issuer) =>
      issuer.maxLifetimeSeconds + issuer.clockToleranceSeconds
    ),
  );
}
