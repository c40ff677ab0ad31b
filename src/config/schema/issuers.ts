/**
 * `issuers`: whose access tokens are taken beside our own.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { FOREIGN_ALGORITHMS } from "../../tokens/issuers/options.ts";
import { claimName, duration, httpUrl, jsonPointer } from "./values.ts";

const claim = z.string().check(z.minLength(1), z.maxLength(128));

/** The head of every subject of a source: no `|`, so that none can pose as another's. */
export const sourceName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, {
  error: "must be letters, digits, _ or -, at most 32",
}));

const issuer = z.strictObject({
  issuer: httpUrl("the exact `iss` of the tokens", { path: true }).check(
    z.describe("The exact `iss` of the tokens; a trailing slash matters."),
  ),
  jwks: z.exactOptional(httpUrl("the address of the key set", { path: true })).check(
    z.describe("Address of the key set; found by discovery below the issuer if absent."),
  ),
  algorithms: z.prefault(z.array(z.enum(FOREIGN_ALGORITHMS)).check(z.minLength(1)), [
    "RS256",
    "PS256",
    "ES256",
    "EdDSA",
  ]).check(z.describe("Accepted signature algorithms; asymmetric only.")),
  types: z.array(
    z.string().check(
      z.maxLength(64),
      z.regex(/^[\x21-\x7E]*$/, { error: 'must be a `typ` without spaces, such as "at+jwt"' }),
    ),
  ).check(
    z.minLength(1),
    z.describe(
      'Accepted `typ` of the header, such as "at+jwt" or "JWT"; "" stands for a token without one.',
    ),
  ),
  audience: z.exactOptional(z.union([claim, z.array(claim).check(z.minLength(1))])).check(
    z.describe("`aud` must hold one of these."),
  ),
  clients: z.exactOptional(z.array(claim).check(z.minLength(1))).check(
    z.describe("Clients whose tokens are taken."),
  ),
  clientClaims: z.prefault(z.array(claim).check(z.minLength(1)), ["azp", "client_id"]).check(
    z.describe("Claims that name the client; the first that a token has counts."),
  ),
  claimEquals: z.prefault(z.record(claim, z.union([z.string(), z.number(), z.boolean()])), {})
    .check(
      z.describe('Claims that must be exactly this, e.g. {"token_use": "access"} for Cognito.'),
    ),
  subject: z.prefault(jsonPointer, "/sub"),
  scope: z.prefault(z.union([jsonPointer, z.array(jsonPointer).check(z.minLength(1))]), "/scope")
    .check(z.describe("Where scopes are: one pointer or several.")),
  claims: z.prefault(z.record(claimName, jsonPointer), {}).check(
    z.describe("Claim name to JSON pointer into the token."),
  ),
  actor: z.prefault(z.enum(["detect", "user", "client"]), "detect").check(
    z.describe("Whether its tokens stand for people or programs."),
  ),
  clockTolerance: duration("5s", { min: "0s", max: "5m" }),
  maxLifetime: duration("1d", { min: "1m", max: "30d" }).check(
    z.describe("A token is dead this long after its `iat`, whatever its `exp` says."),
  ),
}).check(z.refine(({ audience, clients }) => audience !== undefined || clients !== undefined, {
  error: "needs audience or clients: otherwise a token for any application of this issuer " +
    "would open yours",
}));

export const issuers = z.prefault(z.record(sourceName, issuer), {}).check(
  z.describe(
    "Tokens that others signed (Auth0, Keycloak, Cognito, Entra, Clerk, any RFC 9068 issuer).",
  ),
);

/** One entry of `issuers`, as it is written. */
export type IssuerFile = z.output<typeof issuer>;
