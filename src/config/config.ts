/**
 * The configuration as the gateway uses it: defaults filled in, references
 * resolved, units in the names.
 *
 * @module
 */
import type { LimitsConfig } from "../access/limits.ts";
import type { SimpleJwtVersion } from "../access/simplejwt_words.ts";
import { durationMs } from "../base/duration.ts";
import type { Duration } from "../base/duration.ts";
import { sizeBytes } from "../base/size.ts";
import type { PagesConfig } from "../endpoints/pages/options.ts";
import type { RecheckOptions } from "../identity/recheck.ts";
import type { LegacyConfig } from "../tokens/legacy.ts";
import type { AssertionConfig } from "../tokens/options.ts";
import type { ConfigFile } from "./schema.ts";

/** A backend. */
export interface UpstreamConfig {
  readonly name: string;
  /** Origins without a trailing slash. */
  readonly targets: readonly string[];
  /** Until an answer begins. */
  readonly timeoutMs: number;
  /** Between two pieces of an answer. */
  readonly idleTimeoutMs: number;
  readonly maxConcurrent: number;
  readonly host: "target" | "incoming";
  readonly health: HealthConfig | null;
  /** `null`: a target that fails goes on getting requests. */
  readonly ejection: EjectionConfig | null;
  readonly tls: TlsConfig | null;
  readonly assertion: AssertionConfig | null;
  /** Header name to claim name. */
  readonly headers: Readonly<Record<string, string>>;
}

/** How targets are asked whether they work. */
export interface HealthConfig {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Good answers in a row that make a target healthy again. */
  readonly healthyAfter: number;
  /** Bad ones in a row that take it out. */
  readonly unhealthyAfter: number;
}

/** When a target that fails is given a rest. */
export interface EjectionConfig {
  readonly failures: number;
  readonly forMs: number;
  /** Answers that count as failures. */
  readonly statuses: ReadonlySet<number>;
}

/** PEM files for connections to an upstream. */
export interface TlsConfig {
  readonly caPath: string | null;
  readonly certPath: string | null;
  readonly keyPath: string | null;
}

/** One line of the route table. */
export type RouteConfig = ConfigFile["routes"][number];

/** Who says that a password is right. */
export type IdentityConfig =
  | { readonly kind: "demo" }
  | (
    & Omit<
      Extract<ConfigFile["identity"], { kind: "upstream" }>,
      "timeout" | "maxAnswer" | "recheck"
    >
    & {
      readonly timeoutMs: number;
      readonly maxBytes: number;
      readonly recheck: RecheckOptions | null;
    }
  );

/** Where sessions and the blacklist live. */
export type StoreConfig =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "upstash"; readonly commandTimeoutMs: number };

/** Everything that `createGateway` needs to know, validated. */
export interface GatewayConfig {
  /** Scheme, host and port, no trailing slash. */
  readonly origin: string;
  /** Whether the origin is https; decides cookie names and `Secure`. */
  readonly secure: boolean;
  readonly paths: { readonly auth: string; readonly token: string };
  readonly pages: PagesConfig;
  readonly trustedProxies: readonly string[];
  readonly identity: IdentityConfig;
  readonly tokens: {
    readonly issuer: string;
    readonly audience: string;
    readonly accessTtlSeconds: number;
    readonly refreshTtlSeconds: number;
    readonly sessionMaxAgeSeconds: number;
    readonly rotationGraceMs: number;
    readonly clockToleranceSeconds: number;
    readonly subjectClaim: string | null;
    readonly legacy: LegacyConfig | null;
  };
  /** Whose words API clients hear; `null`: SimpleJWT's newest at the token endpoints only. */
  readonly compat: SimpleJwtVersion | null;
  readonly store: StoreConfig;
  readonly revocation: { readonly pollIntervalMs: number; readonly maxStalenessMs: number };
  readonly log: { readonly access: boolean };
  /** WebSockets and event streams. */
  readonly longLived: { readonly leewayMs: number };
  readonly throttle: {
    readonly windowMs: number;
    readonly perUser: number;
    readonly perAddress: number;
  };
  readonly limits: LimitsConfig;
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>;
  readonly routes: readonly RouteConfig[];
}

/** Turns a validated file into the form the gateway uses. */
export function resolveConfig(file: ConfigFile): GatewayConfig {
  const url = new URL(file.origin);
  return {
    origin: url.origin,
    secure: url.protocol === "https:",
    paths: file.paths,
    pages: {
      brand: {
        name: file.pages.name ?? url.host,
        logo: file.pages.logo ?? null,
        color: file.pages.color,
      },
      language: file.pages.language ?? null,
      texts: file.pages.texts,
    },
    trustedProxies: file.trustedProxies,
    identity: resolveIdentity(file.identity),
    tokens: {
      issuer: file.tokens.issuer ?? url.origin,
      audience: file.tokens.audience ?? url.origin,
      accessTtlSeconds: seconds(file.tokens.accessTtl),
      refreshTtlSeconds: seconds(file.tokens.refreshTtl),
      sessionMaxAgeSeconds: seconds(file.tokens.sessionMaxAge),
      rotationGraceMs: durationMs(file.tokens.rotationGrace),
      clockToleranceSeconds: seconds(file.tokens.clockTolerance),
      subjectClaim: file.tokens.subjectClaim ?? null,
      legacy: resolveLegacy(file.tokens.legacy),
    },
    compat: file.compat === undefined ? null : file.compat === "simplejwt" ? "5.5" : file.compat,
    store: resolveStore(file.store),
    revocation: {
      pollIntervalMs: durationMs(file.revocation.pollInterval),
      maxStalenessMs: durationMs(file.revocation.maxStaleness),
    },
    log: file.log,
    longLived: { leewayMs: durationMs(file.longLived.leeway) },
    throttle: {
      windowMs: durationMs(file.throttle.window),
      perUser: file.throttle.perUser,
      perAddress: file.throttle.perAddress,
    },
    limits: {
      bodyBytes: sizeBytes(file.limits.body),
      urlBytes: sizeBytes(file.limits.url),
      headerBytes: sizeBytes(file.limits.headerBytes),
      headerCount: file.limits.headerCount,
    },
    upstreams: new Map(
      Object.entries(file.upstreams).map(([name, upstream]) => [
        name,
        resolveUpstream(name, upstream),
      ]),
    ),
    routes: file.routes,
  };
}

function resolveIdentity(identity: ConfigFile["identity"]): IdentityConfig {
  if (identity.kind === "demo") return identity;
  const { timeout, maxAnswer, recheck, ...rest } = identity;
  const limits = { timeoutMs: durationMs(timeout), maxBytes: maxAnswer };
  return {
    ...rest,
    ...limits,
    recheck: recheck === undefined
      ? null
      : { ...limits, url: recheck.url, claims: recheck.claims ?? null },
  };
}

function resolveLegacy(legacy: ConfigFile["tokens"]["legacy"]): LegacyConfig | null {
  if (legacy === undefined) return null;
  const { issuer, audience, verifyUrl, ...rest } = legacy;
  return {
    ...rest,
    issuer: issuer ?? null,
    audience: audience ?? null,
    verifyUrl: verifyUrl ?? null,
  };
}

function resolveStore(store: ConfigFile["store"]): StoreConfig {
  if (store.kind !== "upstash") return store;
  return { kind: "upstash", commandTimeoutMs: durationMs(store.commandTimeout) };
}

function resolveUpstream(name: string, upstream: ConfigFile["upstreams"][string]): UpstreamConfig {
  const { assertion, health, tls } = upstream;
  const options = assertion === true
    ? { header: "X-Auth-Assertion", ttl: "60s", alg: "ES256", audience: undefined } as const
    : assertion;
  return {
    name,
    targets: upstream.targets.map((target) => new URL(target).origin),
    timeoutMs: durationMs(upstream.timeout),
    idleTimeoutMs: durationMs(upstream.idleTimeout),
    maxConcurrent: upstream.maxConcurrent,
    host: upstream.host,
    health: health === undefined ? null : {
      path: health.path,
      intervalMs: durationMs(health.interval),
      timeoutMs: durationMs(health.timeout),
      healthyAfter: health.healthyAfter,
      unhealthyAfter: health.unhealthyAfter,
    },
    ejection: resolveEjection(upstream),
    tls: tls === undefined ? null : {
      caPath: tls.ca ?? null,
      certPath: tls.cert ?? null,
      keyPath: tls.key ?? null,
    },
    assertion: options === false ? null : {
      header: options.header,
      audience: options.audience ?? name,
      ttlSeconds: seconds(options.ttl),
      alg: options.alg,
    },
    headers: upstream.headers,
  };
}

/** Giving its only target a rest helps nobody, unless somebody asks for it. */
function resolveEjection(upstream: ConfigFile["upstreams"][string]): EjectionConfig | null {
  const { ejection, targets } = upstream;
  if (ejection === undefined) {
    return targets.length < 2 ? null : { failures: 5, forMs: 10_000, statuses: new Set() };
  }
  return {
    failures: ejection.failures,
    forMs: durationMs(ejection.for),
    statuses: new Set<number>(ejection.statuses),
  };
}

function seconds(duration: Duration): number {
  return Math.max(0, Math.round(durationMs(duration) / 1000));
}
