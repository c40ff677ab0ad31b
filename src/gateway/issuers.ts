/**
 * Tokens that others signed, put together from the configuration.
 *
 * @module
 */
import { createAuthenticateBearer } from "../access/standing.ts";
import type { Authenticate, AuthenticateBearer } from "../access/standing.ts";
import type { GatewayConfig } from "../config/config.ts";
import { createGetJson } from "../outbound/get_json.ts";
import { createGroupNames } from "../tokens/groups.ts";
import { createIssuers } from "../tokens/issuers/issuers.ts";
import { KEY_FETCH_LIMITS } from "../tokens/issuers/options.ts";
import type { Core } from "./core.ts";
import type { GatewayPorts } from "./ports.ts";

/** Who Bearer tokens are asked of: ourselves, and the issuers where there are any. */
export function createBearer(
  { clock, events, view }: Core,
  { issuers, tokens }: GatewayConfig,
  { askFetch = fetch, sharedDocuments }: GatewayPorts,
  authenticate: Authenticate,
): AuthenticateBearer {
  if (issuers.length === 0) return authenticate;
  return createAuthenticateBearer({
    authenticate,
    view,
    issuers: createIssuers(issuers, {
      clock,
      nameGroup: createGroupNames(tokens.issuer),
      getJson: createGetJson(KEY_FETCH_LIMITS, { fetch: askFetch }),
      shared: sharedDocuments,
      report(issuer, report) {
        if (report.result !== "failed") return;
        events(
          { event: "issuer_keys_unavailable", issuer, reason: report.reason },
          { requestId: "-", clientAddress: "-" },
        );
      },
    }),
  });
}
