/**
 * `dpop` and `deviceBinding`: tokens and sessions that are bound to a key of the client's.
 *
 * @module
 */
import * as z from "zod";
import { duration } from "./values.ts";

export const dpop = z.strictObject({
  nonce: z.boolean().default(true).describe(
    "Whether each proof must carry a nonce of ours: no proof can then be made in advance.",
  ),
}).exactOptional().describe(
  "DPoP (RFC 9449): API clients may bind their tokens to a key; a copied token is then worth nothing.",
);

export const deviceBinding = z.union([
  z.enum(["off", "offer", "require"]),
  z.strictObject({
    mode: z.literal("require"),
    grace: duration("1m", { min: "1s", max: "1d" }).describe(
      "How long after sign-in a session may still be without a key.",
    ),
  }),
]).prefault("off").describe(
  'Device Bound Session Credentials: browsers bind their session to a key, and copied cookies are soon worth nothing. "require": a session without a key is let into no route with auth.',
);
