/**
 * `admin` and `stop`: for those who run the gateway.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { DEFAULT_ADMIN, isListen } from "../../admin/options.ts";
import { duration } from "./values.ts";

/** The admin listener. */
export const admin = z.prefault(
  z.strictObject({
    listen: z.exactOptional(
      z.string().check(z.refine(isListen, {
        error:
          'must be an address with a port ("127.0.0.1:8788"), "unix:" with a path, or "off"; only a loopback address and a socket need no POSTERN_ADMIN_TOKEN',
      })),
    ).check(z.describe(`An address, a Unix socket, or "off"; ${DEFAULT_ADMIN} if absent.`)),
  }),
  {},
).check(z.describe("Readiness, metrics, admin API and dashboard; never on the public port."));

/** How the process ends. */
export const stop = z.prefault(
  z.strictObject({
    delay: duration("0s", { min: "0s", max: "5m" }).check(
      z.describe(
        "How long requests are still taken after readiness is gone, until load balancers have noticed.",
      ),
    ),
    grace: duration("10s", { min: "0s", max: "10m" }).check(
      z.describe("How long requests under way may take to finish after that."),
    ),
  }),
  {},
);
