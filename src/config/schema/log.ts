/**
 * `log`: what is written, and how.
 *
 * @module
 */
import * as z from "../../base/schema.ts";

/** The log on standard output. */
export const log = z.prefault(
  z.strictObject({
    format: z.exactOptional(z.enum(["json", "text", "ecs", "ocsf"])).check(
      z.describe(
        "Own JSON (the default in production), text for a terminal, Elastic Common Schema, or OCSF.",
      ),
    ),
    access: z.prefault(z.boolean(), false).check(
      z.describe("Also write a line for each request that is passed on."),
    ),
    chain: z.prefault(z.boolean(), false).check(
      z.describe(
        "Each line holds the digest of the one before it; `postern audit verify` follows it.",
      ),
    ),
  }),
  {},
).check(z.refine((value) => !(value.chain && value.format === "text"), {
  error: "a chain goes through JSON lines; use another format, or none of the two",
  path: ["chain"],
}));
