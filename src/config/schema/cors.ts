/**
 * `cors`, of a route and of Postern's own paths.
 *
 * @module
 */
import * as z from "zod";
import { duration, exactOrigin } from "./values.ts";

const corsToken = z.string().regex(/^[!#$%&'+.^_`|~0-9A-Za-z-]+$/, {
  error: 'must be a name; "*" is not allowed',
});

export const cors = z.strictObject({
  origins: z.array(exactOrigin).min(1),
  credentials: z.boolean().prefault(false)
    .describe("Whether cookies may ride along; also lets these origins pass the CSRF origin rule."),
  methods: z.array(corsToken).min(1)
    .prefault(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
  headers: z.array(corsToken).prefault(["Authorization", "Content-Type", "X-CSRF-Token"]),
  expose: z.array(corsToken).prefault([]),
  maxAge: duration("10m", { min: "0s", max: "1d" }),
});
