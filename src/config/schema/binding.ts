/**
 * `dpop`: tokens that are bound to a key of the client's.
 *
 * @module
 */
import * as z from "zod";

export const dpop = z.strictObject({
  nonce: z.boolean().default(true).describe(
    "Whether each proof must carry a nonce of ours: no proof can then be made in advance.",
  ),
}).exactOptional().describe(
  "DPoP (RFC 9449): API clients may bind their tokens to a key; a copied token is then worth nothing.",
);
