/**
 * Identity sources with a watch on them: how long each took to decide, and what it said.
 *
 * @module
 */
import type { OidcProvider } from "../identity/oidc/port.ts";
import type { IdentitySource } from "../identity/port.ts";
import type { GatewayMetrics } from "../telemetry/metrics.ts";

/** The same source; `metrics` hears of each sign-in under the name of the source. */
export function timedSource(
  source: IdentitySource,
  name: string,
  metrics: Pick<GatewayMetrics, "signIn">,
): IdentitySource {
  return {
    async authenticate(credentials, context) {
      const beganAtMs = performance.now();
      const outcome = await source.authenticate(credentials, context);
      metrics.signIn(name, outcome.kind, performance.now() - beganAtMs);
      return outcome;
    },
  };
}

/** The same provider; a sign-in is decided where its code is exchanged. */
export function timedProvider(
  provider: OidcProvider,
  metrics: Pick<GatewayMetrics, "signIn">,
): OidcProvider {
  return {
    ...provider,
    async exchange(question, context) {
      const beganAtMs = performance.now();
      const outcome = await provider.exchange(question, context);
      const result = outcome.kind === "proven"
        ? "accepted"
        : outcome.kind === "unavailable"
        ? "unavailable"
        : "rejected";
      metrics.signIn(provider.name, result, performance.now() - beganAtMs);
      return outcome;
    },
  };
}
