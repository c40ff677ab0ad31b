/**
 * `identity`: who vouches for people.
 *
 * @module
 */
import * as z from "zod";
import { claimName, duration, httpUrl, jsonPointer } from "./values.ts";

const claimsMap = z.record(claimName, jsonPointer).prefault({})
  .describe("Claim name to JSON pointer into the answer of the identity source.");

export const upstreamIdentity = z.strictObject({
  kind: z.literal("upstream"),
  url: httpUrl("an http(s) URL", { path: true })
    .describe("The existing login endpoint; the credentials are posted to it."),
  format: z.enum(["json", "form"]).prefault("json"),
  usernameField: z.string().min(1).prefault("username"),
  passwordField: z.string().min(1).prefault("password"),
  token: jsonPointer.exactOptional().describe(
    "Where a JWT stands in the answer; subject and claims are then read from its payload.",
  ),
  subject: jsonPointer.describe("Where the subject stands in the answer (or in the JWT)."),
  claims: claimsMap,
  timeout: duration("5s", { min: "100ms", max: "60s" }),
  maxAnswer: z.int().min(1024).max(16 * 1024 * 1024).prefault(256 * 1024)
    .describe("Largest answer accepted from the login endpoint, in bytes."),
  recheck: z.strictObject({
    url: httpUrl("an http(s) URL", { path: true }),
    claims: z.record(claimName, jsonPointer).exactOptional()
      .describe("Fresh claims by JSON pointer; those of the sign-in are kept if absent."),
  }).exactOptional().describe(
    'Asked at each rotation with {"subject"}: 200 goes on, 401, 403, 404 or 410 ends the session.',
  ),
});

export const demoIdentity = z.strictObject({ kind: z.literal("demo") })
  .describe('Dev mode only: the user "demo" with the password "postern".');
