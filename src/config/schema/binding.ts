/**
 * `dpop` and `deviceBinding`: tokens and sessions that are bound to a key of the client's.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { duration } from "./values.ts";

export const dpop = z.exactOptional(z.strictObject({
  nonce: z._default(z.boolean(), true).check(
    z.describe(
      "Whether each proof must carry a nonce of ours: no proof can then be made in advance.",
    ),
  ),
})).check(
  z.describe(
    "DPoP (RFC 9449): API clients may bind their tokens to a key; a copied token is then worth nothing.",
  ),
);

export const deviceBinding = z.prefault(
  z.union([
    z.enum(["off", "offer", "require"]),
    z.strictObject({
      mode: z.literal("require"),
      grace: duration("1m", { min: "1s", max: "1d" }).check(
        z.describe("How long after sign-in a session may still be without a key."),
      ),
    }),
  ]),
  "off",
).check(
  z.describe(
    'Device Bound Session Credentials: browsers bind their session to a key, and copied cookies are soon worth nothing. "require": a session without a key is let into no route with auth.',
  ),
);
