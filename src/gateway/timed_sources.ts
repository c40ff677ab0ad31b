/**
 * Identity sources with a watch on them: how long each took to decide, and what it said.
 *
 * @module
 */
import type { OidcProvider } from "../identity/oidc/port.ts";
import type { IdentitySource } from "../identity/port.ts";
import type { GatewayMetrics } from "../telemetry/metrics.ts";
import type { OidcOperation } from "../telemetry/people.ts";

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

/** Outcomes in which a provider did what it was asked for. */
const FINE: ReadonlySet<string> = new Set(["redirect", "proven", "welcome", "notice"]);

/** The same provider; a sign-in is decided where its code is exchanged. */
export function timedProvider(
  provider: OidcProvider,
  metrics: Pick<GatewayMetrics, "provider" | "signIn" | "oidc" | "backChannelLogoutFailed">,
): OidcProvider {
  const { name } = provider;
  metrics.provider(name);

  /** Notes how a question ended. */
  async function noted<T extends { readonly kind: string }>(
    operation: OidcOperation,
    asking: Promise<T>,
  ): Promise<T> {
    const outcome = await asking;
    metrics.oidc(name, operation, FINE.has(outcome.kind) ? "ok" : outcome.kind);
    return outcome;
  }

  return {
    ...provider,
    authorize: (...asked) => noted("authorize", provider.authorize(...asked)),
    refresh: (...asked) => noted("refresh", provider.refresh(...asked)),
    async readLogoutToken(...asked) {
      const outcome = await noted("logout_token", provider.readLogoutToken(...asked));
      if (outcome.kind === "unavailable") metrics.backChannelLogoutFailed(name);
      return outcome;
    },
    async endSessionUrl(...asked) {
      const url = await provider.endSessionUrl(...asked);
      metrics.oidc(name, "end_session", url === null ? "none" : "ok");
      return url;
    },
    async exchange(question, context) {
      const beganAtMs = performance.now();
      const outcome = await noted("exchange", provider.exchange(question, context));
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
