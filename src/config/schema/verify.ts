/**
 * `verify`: forward-auth.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { secretRef } from "./providers.ts";

export const verify = z.exactOptional(
  z.strictObject({
    trustedProxies: z.prefault(
      z.array(
        z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
          error: 'must be an address or CIDR block, such as "10.0.0.0/8"',
        }),
      ),
      [],
    ).check(z.describe("Proxies that may ask.")),
    secret: z.exactOptional(secretRef).check(
      z.describe(
        "What proxies without fixed addresses send in X-Verify-Secret; at least 32 characters.",
      ),
    ),
  }).check(
    z.refine(({ trustedProxies, secret }) => trustedProxies.length > 0 || secret !== undefined, {
      error: "needs trustedProxies or a secret: otherwise nobody may ask",
    }),
  ),
).check(z.describe("Forward-auth: other proxies ask about each request (/auth/verify/*)."));
