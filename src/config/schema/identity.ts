/**
 * `identity`: who vouches for people.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { claimName, duration, httpUrl, jsonPointer } from "./values.ts";

const claimsMap = z.prefault(z.record(claimName, jsonPointer), {}).check(
  z.describe("Claim name to JSON pointer into the answer of the identity source."),
);

export const upstreamIdentity = z.strictObject({
  kind: z.literal("upstream"),
  url: httpUrl("an http(s) URL", { path: true }).check(
    z.describe("The existing login endpoint; the credentials are posted to it."),
  ),
  format: z.prefault(z.enum(["json", "form"]), "json"),
  usernameField: z.prefault(z.string().check(z.minLength(1)), "username"),
  passwordField: z.prefault(z.string().check(z.minLength(1)), "password"),
  token: z.exactOptional(jsonPointer).check(
    z.describe(
      "Where a JWT stands in the answer; subject and claims are then read from its payload.",
    ),
  ),
  subject: jsonPointer.check(z.describe("Where the subject stands in the answer (or in the JWT).")),
  claims: claimsMap,
  timeout: duration("5s", { min: "100ms", max: "60s" }),
  maxAnswer: z.prefault(z.int().check(z.minimum(1024), z.maximum(16 * 1024 * 1024)), 256 * 1024)
    .check(z.describe("Largest answer accepted from the login endpoint, in bytes.")),
  recheck: z.exactOptional(z.strictObject({
    url: httpUrl("an http(s) URL", { path: true }),
    claims: z.exactOptional(z.record(claimName, jsonPointer)).check(
      z.describe("Fresh claims by JSON pointer; those of the sign-in are kept if absent."),
    ),
  })).check(
    z.describe(
      'Asked at each rotation with {"subject"}: 200 goes on, 401, 403, 404 or 410 ends the session.',
    ),
  ),
});

export const demoIdentity = z.strictObject({ kind: z.literal("demo") }).check(
  z.describe('Dev mode only: the user "demo" with the password "postern".'),
);
