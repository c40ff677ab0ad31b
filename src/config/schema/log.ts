/**
 * `log`: what is written, and how.
 *
 * @module
 */
import * as z from "zod";

/** The log on standard output. */
export const log = z.strictObject({
  format: z.enum(["json", "text", "ecs", "ocsf"]).exactOptional().describe(
    "Own JSON (the default in production), text for a terminal, Elastic Common Schema, or OCSF.",
  ),
  access: z.boolean().prefault(false)
    .describe("Also write a line for each request that is passed on."),
  chain: z.boolean().prefault(false).describe(
    "Each line holds the digest of the one before it; `postern audit verify` follows it.",
  ),
}).prefault({}).refine((value) => !(value.chain && value.format === "text"), {
  error: "a chain goes through JSON lines; use another format, or none of the two",
  path: ["chain"],
});
