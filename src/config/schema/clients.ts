/**
 * `clients`: programs that get tokens from us.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { scopeToken } from "./values.ts";

const exchange = z.strictObject({
  audience: z.array(z.string()).check(
    z.minLength(1),
    z.describe("Upstreams for which it may get tokens."),
  ),
  scope: z.prefault(z.array(scopeToken), []).check(
    z.describe("The most that such a token may say; never more than the caller's own has."),
  ),
});

export const clients = z.prefault(
  z.record(
    z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
      error: "must be letters, digits, ., _ or -, at most 64",
    })),
    z.strictObject({
      secretHash: z.exactOptional(
        z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/, {
          error:
            'must be "sha256:" and the hash in hex of a random secret of at least 32 characters: openssl rand -hex 32 | tr -d "\\n" | tee secret | sha256sum',
        })),
      ),
      jwks: z.exactOptional(
        z.strictObject({
          keys: z.array(z.record(z.string(), z.json())).check(z.minLength(1), z.maxLength(10)),
        }),
      ).check(z.describe("Its public keys, for private_key_jwt (RFC 7523).")),
      scope: z.exactOptional(z.array(scopeToken)).check(
        z.describe(
          "Scopes of tokens for itself (client_credentials). With exchange and without this it gets none.",
        ),
      ),
      exchange: z.exactOptional(exchange).check(
        z.describe(
          "Callers' tokens that it may exchange for ones of an upstream (RFC 8693); none if absent.",
        ),
      ),
    }).check(z.refine(({ secretHash, jwks }) => secretHash !== undefined || jwks !== undefined, {
      error: "needs secretHash or jwks",
    })),
  ),
  {},
).check(
  z.describe(
    "Programs that get access tokens at POST /auth/token (client_credentials, token exchange).",
  ),
);
