/**
 * Metrics that are read when somebody looks: build, view, targets, configuration.
 *
 * @module
 */
import type { Meter, Reading } from "./meter.ts";

/** Values that are read when somebody looks; all optional but the view's. */
export interface GaugeSources {
  /** Age of the revocation view, in milliseconds, and how much is in it. */
  view(): { readonly ageMs: number; readonly entries: number };
  /** Targets of every upstream. */
  targets(): Iterable<{
    readonly upstream: string;
    readonly target: string;
    readonly healthy: boolean;
    /** Requests under way. */
    readonly inFlight: number;
  }>;
  /** Key sets of issuers and providers that were fetched at least once. */
  keySets(): Iterable<{ readonly issuer: string; readonly ageMs: number }>;
  /** Keys of the ring whose time of making is known, with their age in milliseconds. */
  signingKeys(): Iterable<{ readonly kid: string; readonly ageMs: number }>;
  /** SHA-256 of the configuration in force, and when it came into force (epoch milliseconds). */
  configuration(): { readonly hash: string; readonly sinceMs: number };
}

/** Creates the gauges; what has no source yet says nothing. */
export function createGauges(
  meter: Meter,
  sources: Partial<GaugeSources>,
  about: { readonly version: string; readonly runtime: string },
): void {
  const one = (value: number | undefined): Reading<never>[] =>
    value === undefined ? [] : [{ labels: {}, value }];
  meter.gauge({
    name: "postern_build_info",
    help: "Always 1; the labels say what is running.",
    labels: ["version", "runtime"],
  }, () => [{ labels: about, value: 1 }]);
  meter.gauge({
    name: "postern_revocation_view_entries",
    help: "Revocations that this instance knows of.",
    labels: [],
  }, () => one(sources.view?.().entries));
  meter.gauge({
    name: "postern_revocation_view_age_seconds",
    help: "Seconds since this instance's copy of the blacklist was known to be complete.",
    labels: [],
  }, () => {
    const view = sources.view?.();
    return one(view && view.ageMs / 1000);
  });
  meter.gauge(
    {
      name: "postern_upstream_target_healthy",
      help: "Whether a target of an upstream is given requests (1) or is resting (0).",
      labels: ["upstream", "target"],
    },
    () =>
      Array.from(sources.targets?.() ?? [], ({ upstream, target, healthy }) => ({
        labels: { upstream, target },
        value: healthy ? 1 : 0,
      })),
  );
  meter.gauge({
    name: "postern_requests_in_flight",
    help: "Requests that an upstream has not yet finished.",
    labels: ["upstream"],
  }, () => {
    const sums = new Map<string, number>();
    for (const { upstream, inFlight } of sources.targets?.() ?? []) {
      sums.set(upstream, (sums.get(upstream) ?? 0) + inFlight);
    }
    return Array.from(sums, ([upstream, value]) => ({ labels: { upstream }, value }));
  });
  meter.gauge(
    {
      name: "postern_jwks_age_seconds",
      help: "Since the keys of an issuer or a provider were last fetched.",
      labels: ["issuer"],
    },
    () =>
      Array.from(sources.keySets?.() ?? [], ({ issuer, ageMs }) => ({
        labels: { issuer },
        value: ageMs / 1000,
      })),
  );
  meter.gauge(
    {
      name: "postern_signing_key_age_seconds",
      help: "Since a key of the ring was made, where that is known (its `iat`).",
      labels: ["kid"],
    },
    () =>
      Array.from(sources.signingKeys?.() ?? [], ({ kid, ageMs }) => ({
        labels: { kid },
        value: ageMs / 1000,
      })),
  );
  meter.gauge({
    name: "postern_config_info",
    help: "Always 1; the label is the SHA-256 of the configuration in force.",
    labels: ["hash"],
  }, () => {
    const configuration = sources.configuration?.();
    return configuration === undefined ? [] : [{ labels: { hash: configuration.hash }, value: 1 }];
  });
  meter.gauge({
    name: "postern_config_last_reload_success_timestamp_seconds",
    help: "When the configuration in force came into force.",
    labels: [],
  }, () => {
    const configuration = sources.configuration?.();
    return one(configuration && configuration.sinceMs / 1000);
  });
}
