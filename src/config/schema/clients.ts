/**
 * `clients`: programs that get tokens from us.
 *
 * @module
 */
import * as z from "zod";
import { scopeToken } from "./values.ts";

const exchange = z.strictObject({
  audience: z.array(z.string()).min(1).describe("Upstreams for which it may get tokens."),
  scope: z.array(scopeToken).prefault([]).describe(
    "The most that such a token may say; never more than the caller's own has.",
  ),
});

export const clients = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
    error: "must be letters, digits, ., _ or -, at most 64",
  }),
  z.strictObject({
    secretHash: z.string().regex(/^sha256:[0-9a-f]{64}$/, {
      error:
        'must be "sha256:" and the hash in hex of a random secret of at least 32 characters: openssl rand -hex 32 | tr -d "\\n" | tee secret | sha256sum',
    }).exactOptional(),
    jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.json())).min(1).max(10) })
      .exactOptional().describe("Its public keys, for private_key_jwt (RFC 7523)."),
    scope: z.array(scopeToken).exactOptional().describe(
      "Scopes of tokens for itself (client_credentials). With exchange and without this it gets none.",
    ),
    exchange: exchange.exactOptional().describe(
      "Callers' tokens that it may exchange for ones of an upstream (RFC 8693); none if absent.",
    ),
  }).refine(({ secretHash, jwks }) => secretHash !== undefined || jwks !== undefined, {
    error: "needs secretHash or jwks",
  }),
).prefault({}).describe(
  "Programs that get access tokens at POST /auth/token (client_credentials, token exchange).",
);
