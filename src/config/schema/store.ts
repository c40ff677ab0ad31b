/**
 * `store`: where sessions and the blacklist live.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { duration } from "./values.ts";

export const sqliteStore = z.strictObject({
  kind: z.literal("sqlite"),
  path: z.prefault(z.string().check(z.minLength(1)), ".postern/postern.db"),
});

export const upstashStore = z.strictObject({
  kind: z.literal("upstash"),
  commandTimeout: duration("1s", { min: "50ms", max: "30s" }),
}).check(
  z.describe("URL and token come from UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN."),
);

export const redisStore = z.strictObject({
  kind: z.literal("redis"),
  commandTimeout: duration("1s", { min: "50ms", max: "30s" }),
  ca: z.exactOptional(z.string().check(z.minLength(1))).check(
    z.describe("File with the certificates to trust for TLS, in PEM; the system's if absent."),
  ),
}).check(z.describe("A Redis of one's own; where it is comes from REDIS_URL. Not on Workers."));

export const memoryStore = z.strictObject({ kind: z.literal("memory") }).check(
  z.describe("Dev mode and tests only: everything is lost at the end of the process."),
);
