/**
 * `admin` and `stop`: for those who run the gateway.
 *
 * @module
 */
import * as z from "zod";
import { isListen } from "../../admin/options.ts";
import { duration } from "./values.ts";

/** The admin listener. */
export const admin = z.strictObject({
  listen: z.string().refine(isListen, {
    error:
      'must be an address with a port ("127.0.0.1:8788"), "unix:" with a path, or "off"; only a loopback address and a socket need no POSTERN_ADMIN_TOKEN',
  }).prefault("127.0.0.1:8788"),
}).prefault({}).describe("Readiness, metrics, admin API and dashboard; never on the public port.");

/** How the process ends. */
export const stop = z.strictObject({
  delay: duration("0s", { min: "0s", max: "5m" }).describe(
    "How long requests are still taken after readiness is gone, until load balancers have noticed.",
  ),
  grace: duration("10s", { min: "0s", max: "10m" })
    .describe("How long requests under way may take to finish after that."),
}).prefault({});
