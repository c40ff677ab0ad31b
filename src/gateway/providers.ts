/**
 * OpenID providers, put together; nothing of it is built where there are none.
 *
 * @module
 */
import type { GatewayConfig } from "../config/config.ts";
import { ConfigError } from "../config/problems.ts";
import { canSignAssertions } from "../identity/oidc/client_auth.ts";
import { createOidcProvider } from "../identity/oidc/provider.ts";
import type { RecheckSealed } from "../sessions/recheck.ts";
import { createAdmit } from "../sign_in/admission.ts";
import type { SignInProvider } from "../sign_in/provider.ts";
import { createProviderRecheck } from "../sign_in/recheck.ts";
import type { GrantSeal } from "../sign_in/recheck.ts";
import type { Core } from "./core.ts";
import type { GatewayPorts } from "./ports.ts";
import { timedProvider } from "./timed_sources.ts";

/** Providers, as far as sessions know of them. */
export interface Providers {
  readonly byName: ReadonlyMap<string, SignInProvider>;
  /** Both `null` where no provider is asked again. */
  readonly grants: GrantSeal | null;
  readonly recheckSealed: RecheckSealed | null;
}

/**
 * Prepares the providers of a configuration.
 *
 * @throws {ConfigError} when no key of the ring can sign what a provider asks for.
 */
export function createProviders(
  { keys, clock, events, metrics, keySets }: Pick<
    Core,
    "keys" | "clock" | "events" | "metrics" | "keySets"
  >,
  { providers }: GatewayConfig,
  ports: GatewayPorts,
): Providers {
  const fetch = ports.askFetch ?? globalThis.fetch;
  const unsigned = Array.from(providers.values()).filter(({ oidc }) =>
    oidc.clientAuth.kind === "private_key_jwt" && !canSignAssertions(keys)
  );
  if (unsigned.length > 0) {
    throw new ConfigError(
      unsigned.map(({ oidc }) =>
        `providers.${oidc.name}.clientAuth: "private_key_jwt" needs an ES256, RS256 or EdDSA key in POSTERN_KEYS; \`deno task keys\` prints a set with one`
      ),
    );
  }
  const byName = new Map(
    Array.from(providers, ([name, each]): [string, SignInProvider] => [name, {
      oidc: timedProvider(
        createOidcProvider(each.oidc, {
          fetch,
          keys,
          clock,
          ...(ports.sharedDocuments === undefined ? {} : { shared: ports.sharedDocuments }),
          report: (report) => keySets.note(name, report),
        }),
        metrics,
      ),
      issuer: each.oidc.issuer,
      admit: createAdmit(each.admission),
      rechecks: each.rechecks,
    }]),
  );
  if (!Array.from(byName.values()).some(({ rechecks }) => rechecks)) {
    return { byName, grants: null, recheckSealed: null };
  }
  const { recheck, ...grants } = createProviderRecheck({
    providers: byName,
    hmacKeys: keys.hmacKeys,
    clock,
    onOutage: (reason) =>
      events(
        { event: "identity_unavailable", reason },
        { requestId: "-", clientAddress: "-" },
      ),
  });
  return { byName, grants, recheckSealed: recheck };
}
