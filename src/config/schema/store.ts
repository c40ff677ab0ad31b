/**
 * `store`: where sessions and the blacklist live.
 *
 * @module
 */
import * as z from "zod";
import { duration } from "./values.ts";

export const sqliteStore = z.strictObject({
  kind: z.literal("sqlite"),
  path: z.string().min(1).prefault(".postern/postern.db"),
});

export const upstashStore = z.strictObject({
  kind: z.literal("upstash"),
  commandTimeout: duration("1s", { min: "50ms", max: "30s" }),
}).describe("URL and token come from UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN.");

export const redisStore = z.strictObject({
  kind: z.literal("redis"),
  commandTimeout: duration("1s", { min: "50ms", max: "30s" }),
  ca: z.string().min(1).exactOptional()
    .describe("File with the certificates to trust for TLS, in PEM; the system's if absent."),
}).describe("A Redis of one's own; where it is comes from REDIS_URL. Not on Workers.");

export const memoryStore = z.strictObject({ kind: z.literal("memory") })
  .describe("Dev mode and tests only: everything is lost at the end of the process.");
