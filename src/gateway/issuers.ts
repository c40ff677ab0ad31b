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
import type { Issuers } from "../tokens/issuers/issuers.ts";
import { KEY_FETCH_LIMITS } from "../tokens/issuers/options.ts";
import { clientSigner, OWN_KEYS, ownClients } from "../tokens/issuers/own_clients.ts";
import type { Core } from "./core.ts";
import type { GatewayPorts } from "./ports.ts";

/** Verifies what has no session of ours behind it; `null`: nothing of the kind is taken. */
export function createForeign(
  { clock, events, keys, keySets }: Pick<Core, "clock" | "events" | "keys"> & {
    readonly keySets: Pick<Core["keySets"], "note">;
  },
  { issuers, clients, tokens, dpop }: GatewayConfig,
  { askFetch = fetch, sharedDocuments }: Pick<GatewayPorts, "askFetch" | "sharedDocuments">,
): Issuers | null {
  if (clients.length > 0) clientSigner(keys);
  const all = clients.length === 0
    ? issuers
    : [...issuers, ownClients(tokens, clients.map(({ id }) => id))];
  if (all.length === 0) return null;
  const getJson = createGetJson(KEY_FETCH_LIMITS, { fetch: askFetch });
  return createIssuers(all, {
    clock,
    nameGroup: createGroupNames(tokens.issuer),
    getJson: (url) =>
      url === OWN_KEYS
        ? Promise.resolve({
          kind: "json",
          status: 200,
          document: JSON.parse(JSON.stringify(keys.publicJwks)),
        })
        : getJson(url),
    shared: sharedDocuments,
    // Otherwise the issuer's own bearer rules hold.
    provesKeys: dpop !== null,
    report(issuer, report) {
      keySets.note(issuer, report);
      if (report.result !== "failed") return;
      events(
        { event: "issuer_keys_unavailable", issuer, reason: report.reason },
        { requestId: "-", clientAddress: "-" },
      );
    },
  });
}

/** Who Bearer tokens are asked of: ourselves, and the issuers where there are any. */
export function createBearer(
  { view }: Core,
  issuers: Issuers | null,
  authenticate: Authenticate,
): AuthenticateBearer {
  return issuers === null
    ? authenticate
    : createAuthenticateBearer({ authenticate, view, issuers });
}
