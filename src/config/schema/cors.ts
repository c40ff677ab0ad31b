/**
 * `cors`, of a route and of Postern's own paths.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { duration, exactOrigin } from "./values.ts";

const corsToken = z.string().check(z.regex(/^[!#$%&'+.^_`|~0-9A-Za-z-]+$/, {
  error: 'must be a name; "*" is not allowed',
}));

export const cors = z.strictObject({
  origins: z.array(exactOrigin).check(z.minLength(1)),
  credentials: z.prefault(z.boolean(), false).check(
    z.describe(
      "Whether cookies may ride along; also lets these origins pass the CSRF origin rule.",
    ),
  ),
  methods: z.prefault(z.array(corsToken).check(z.minLength(1)), [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
  ]),
  headers: z.prefault(z.array(corsToken), ["Authorization", "Content-Type", "X-CSRF-Token"]),
  expose: z.prefault(z.array(corsToken), []),
  maxAge: duration("10m", { min: "0s", max: "1d" }),
});
