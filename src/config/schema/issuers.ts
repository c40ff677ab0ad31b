/**
 * `issuers`: whose access tokens are taken beside our own.
 *
 * @module
 */
import * as z from "zod";
import { FOREIGN_ALGORITHMS } from "../../tokens/issuers/options.ts";
import { claimName, duration, httpUrl, jsonPointer } from "./values.ts";

const claim = z.string().min(1).max(128);

/** The head of every subject of a source: no `|`, so that none can pose as another's. */
export const sourceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, {
  error: "must be letters, digits, _ or -, at most 32",
});

const issuer = z.strictObject({
  issuer: httpUrl("the exact `iss` of the tokens", { path: true })
    .describe("The exact `iss` of the tokens; a trailing slash matters."),
  jwks: httpUrl("the address of the key set", { path: true }).exactOptional()
    .describe("Address of the key set; found by discovery below the issuer if absent."),
  algorithms: z.array(z.enum(FOREIGN_ALGORITHMS)).min(1)
    .prefault(["RS256", "PS256", "ES256", "EdDSA"])
    .describe("Accepted signature algorithms; asymmetric only."),
  types: z.array(z.string().max(64).regex(/^[\x21-\x7E]*$/)).min(1).describe(
    'Accepted `typ` of the header, such as "at+jwt" or "JWT"; "" stands for a token without one.',
  ),
  audience: z.union([claim, z.array(claim).min(1)]).exactOptional()
    .describe("`aud` must hold one of these."),
  clients: z.array(claim).min(1).exactOptional()
    .describe("Clients whose tokens are taken."),
  clientClaims: z.array(claim).min(1).prefault(["azp", "client_id"])
    .describe("Claims that name the client; the first that a token has counts."),
  claimEquals: z.record(claim, z.union([z.string(), z.number(), z.boolean()])).prefault({})
    .describe('Claims that must be exactly this, e.g. {"token_use": "access"} for Cognito.'),
  subject: jsonPointer.prefault("/sub"),
  scope: z.union([jsonPointer, z.array(jsonPointer).min(1)]).prefault("/scope")
    .describe("Where scopes are: one pointer or several."),
  claims: z.record(claimName, jsonPointer).prefault({})
    .describe("Claim name to JSON pointer into the token."),
  actor: z.enum(["detect", "user", "client"]).prefault("detect")
    .describe("Whether its tokens stand for people or programs."),
  clockTolerance: duration("5s", { min: "0s", max: "5m" }),
  maxLifetime: duration("1d", { min: "1m", max: "30d" })
    .describe("A token is dead this long after its `iat`, whatever its `exp` says."),
}).refine(({ audience, clients }) => audience !== undefined || clients !== undefined, {
  error: "needs audience or clients: otherwise a token for any application of this issuer " +
    "would open yours",
});

export const issuers = z.record(sourceName, issuer).prefault({}).describe(
  "Tokens that others signed (Auth0, Keycloak, Cognito, Entra, Clerk, any RFC 9068 issuer).",
);

/** One entry of `issuers`, as it is written. */
export type IssuerFile = z.output<typeof issuer>;
