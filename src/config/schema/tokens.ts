/**
 * `tokens`: what is signed, and for how long.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { claimName, httpUrl, jsonPointer } from "./values.ts";

export const legacy = z.strictObject({
  alg: z.prefault(z.enum(["HS256", "RS256", "ES256"]), "HS256"),
  userIdClaim: z.prefault(claimName, "user_id"),
  issuer: z.exactOptional(z.string().check(z.minLength(1))),
  audience: z.exactOptional(z.string().check(z.minLength(1))),
  claims: z.prefault(z.record(claimName, jsonPointer), {}).check(
    z.describe("Claim name to JSON pointer into the old token."),
  ),
  verifyUrl: z.exactOptional(httpUrl("an http(s) URL", { path: true })).check(
    z.describe(
      "Django's /api/token/verify/, asked once for each old refresh token: its blacklist counts.",
    ),
  ),
}).check(
  z.describe(
    "Tokens that SimpleJWT signed before; they are good until they expire. Key: POSTERN_LEGACY_KEY.",
  ),
);
