/**
 * `tokens`: what is signed, and for how long.
 *
 * @module
 */
import * as z from "zod";
import { claimName, httpUrl, jsonPointer } from "./values.ts";

export const legacy = z.strictObject({
  alg: z.enum(["HS256", "RS256", "ES256"]).prefault("HS256"),
  userIdClaim: claimName.prefault("user_id"),
  issuer: z.string().min(1).exactOptional(),
  audience: z.string().min(1).exactOptional(),
  claims: z.record(claimName, jsonPointer).prefault({})
    .describe("Claim name to JSON pointer into the old token."),
  verifyUrl: httpUrl("an http(s) URL", { path: true }).exactOptional().describe(
    "Django's /api/token/verify/, asked once for each old refresh token: its blacklist counts.",
  ),
}).describe(
  "Tokens that SimpleJWT signed before; they are good until they expire. Key: POSTERN_LEGACY_KEY.",
);
