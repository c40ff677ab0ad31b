/**
 * `providers`, resolved.
 *
 * @module
 */
import { durationMs, seconds } from "../../base/duration.ts";
import type { Duration } from "../../base/duration.ts";
import type { OidcEndpointOptions } from "../../endpoints/oidc/options.ts";
import type { ClientAuthOptions, OidcProviderOptions } from "../../identity/oidc/options.ts";
import type { AdmissionOptions } from "../../sign_in/admission.ts";
import { FOREIGN_ALGORITHMS } from "../../tokens/issuers/options.ts";
import type { ConfigFile } from "../schema/file.ts";
import type { Secrets } from "../secrets.ts";

/** A provider, for the rooms that each know a part of it. */
export interface ProviderConfig {
  readonly oidc: OidcProviderOptions;
  readonly admission: AdmissionOptions;
  readonly endpoint: OidcEndpointOptions;
  /** Whether the provider is asked at each rotation. */
  readonly rechecks: boolean;
}

type FileProvider = ConfigFile["providers"][string];

/** Largest answer of a provider; UserInfo of somebody in many groups is the longest. */
const MAX_BYTES = 512 * 1024;
/** Providers' clocks are not ours. */
const MIN_TOLERANCE_SECONDS = 30;

export function resolveProviders(
  file: ConfigFile,
  secrets: Secrets,
): ReadonlyMap<string, ProviderConfig> {
  const entries = Object.entries(file.providers);
  const sources = entries.length + Object.keys(file.issuers).length +
    (file.identity === undefined ? 0 : 1) + (file.tokens.legacy === undefined ? 0 : 1) +
    (Object.keys(file.clients).length === 0 ? 0 : 1);
  const shared = {
    prefixesSubject: sources > 1,
    keepsContext: file.routes.some(({ require }) =>
      require?.acr !== undefined || require?.maxAuthAge !== undefined
    ),
    tolerance: file.tokens.clockTolerance,
  };
  return new Map(
    entries.map(([name, provider]) => [name, resolveProvider(name, provider, secrets, shared)]),
  );
}

function resolveProvider(
  name: string,
  provider: FileProvider,
  secrets: Secrets,
  shared: {
    readonly prefixesSubject: boolean;
    readonly keepsContext: boolean;
    readonly tolerance: Duration;
  },
): ProviderConfig {
  const { claims, groups, scopeFrom, allow = null, subject, logout } = provider;
  const needsGroups = scopeFrom !== undefined || allow?.groups !== undefined;
  const needsEmail = allow?.domains !== undefined || allow?.emails !== undefined;
  return {
    oidc: {
      name,
      issuer: provider.issuer,
      clientId: provider.clientId,
      clientAuth: clientAuth(provider, secrets),
      scopes: provider.scopes,
      algorithms: provider.algorithms ?? FOREIGN_ALGORITHMS,
      par: provider.par,
      responseMode: provider.responseMode,
      prompt: provider.prompt ?? null,
      parameters: provider.parameters,
      wanted: [
        subject,
        ...Object.values(claims),
        ...(needsGroups ? [groups] : []),
        ...(needsEmail ? ["/email" as const] : []),
      ],
      clockToleranceSeconds: Math.max(seconds(shared.tolerance), MIN_TOLERANCE_SECONDS),
      timeoutMs: durationMs(provider.timeout),
      maxBytes: MAX_BYTES,
    },
    admission: {
      source: name,
      prefixesSubject: shared.prefixesSubject,
      subject,
      claims,
      groups,
      scopeFromGroups: scopeFrom ?? null,
      allow,
      verifiesEmail: provider.verifiesEmail,
      keepsContext: shared.keepsContext,
    },
    endpoint: {
      name,
      label: provider.label ?? new URL(provider.issuer).host,
      icon: provider.icon ?? null,
      hints: provider.hints,
      rpInitiatedLogout: logout.rpInitiated,
      backChannelLogout: logout.backChannel,
    },
    rechecks: provider.recheck === "refresh",
  };
}

function clientAuth(
  { clientAuth = "client_secret_basic", clientSecret }: FileProvider,
  secrets: Secrets,
): ClientAuthOptions {
  if (clientAuth === "private_key_jwt" || clientAuth === "none") return { kind: clientAuth };
  return { kind: clientAuth, secret: clientSecret === undefined ? "" : secrets(clientSecret) };
}
