/**
 * The configuration as the gateway uses it: defaults filled in, references
 * resolved, units in the names.
 *
 * @module
 */
import type { AdminOptions, StopOptions } from "../admin/options.ts";
import type { LimitsConfig } from "../http/limits.ts";
import type { SimpleJwtVersion } from "../access/simplejwt_words.ts";
import type { CorsOptions } from "../browser/cors.ts";
import type { ClientOptions } from "../endpoints/standards/clients.ts";
import type { PagesConfig } from "../endpoints/pages/options.ts";
import type { MachineOptions } from "../endpoints/token/machine_clients.ts";
import type { DeviceBindingOptions, DpopOptions } from "../binding/options.ts";
import type { VerifyOptions } from "../endpoints/verify/options.ts";
import type { IdentityOptions } from "../identity/options.ts";
import type { ThrottleOptions } from "../sign_in/options.ts";
import type { IssuerOptions } from "../tokens/issuers/options.ts";
import type { LogOptions } from "../telemetry/options.ts";
import type { AssertionConfig, TokenOptions } from "../tokens/options.ts";
import type { ProviderConfig } from "./resolve/providers.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import type { ConfigFile } from "./schema/file.ts";

/** A backend: how to reach it, and what it is told of callers. */
export interface UpstreamConfig extends UpstreamOptions {
  readonly assertion: AssertionConfig | null;
  /** Whether a token that others signed reaches it. */
  readonly forwardToken: boolean;
  /** Header name to claim name. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One line of the route table. */
export type RouteConfig = ConfigFile["routes"][number];

/** Where sessions and the blacklist live. */
export type StoreConfig =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "upstash"; readonly commandTimeoutMs: number }
  | {
    readonly kind: "redis";
    readonly commandTimeoutMs: number;
    /** File with the certificates to trust, in PEM; `null`: the system's. */
    readonly caPath: string | null;
  };

/** Everything that `createGateway` needs to know, validated. */
export interface GatewayConfig {
  /** Scheme, host and port, no trailing slash. */
  readonly origin: string;
  /** Whether people sign in at `origin` alone and are handed over to `origins`. */
  readonly handover: boolean;
  /** Further ones, in the same form. */
  readonly origins: readonly string[];
  /** Whether the origin is https; decides cookie names and `Secure`. */
  readonly secure: boolean;
  readonly paths: { readonly auth: string; readonly token: string };
  /** Of Postern's own paths; `null`: the own origin alone. */
  readonly cors: CorsOptions | null;
  readonly pages: PagesConfig;
  readonly trustedProxies: readonly string[];
  /** For what Postern asks others, beside upstreams; `null`: directly. */
  readonly proxy: string | null;
  readonly identity: IdentityOptions;
  /** OpenID providers by name. */
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  /** Whose access tokens are taken beside our own. */
  readonly issuers: readonly IssuerOptions[];
  /** Programs that get tokens from us. */
  readonly clients: readonly MachineOptions[];
  /** Forward-auth; `null`: switched off. */
  readonly verify: VerifyOptions | null;
  /** Tokens bound to a key of the client's (RFC 9449); `null`: switched off. */
  readonly dpop: DpopOptions | null;
  /** Browsers' sessions bound to a key of the device; `null`: switched off. */
  readonly deviceBinding: DeviceBindingOptions | null;
  readonly tokens: TokenOptions;
  /** Whose words API clients hear; `null`: SimpleJWT's newest at the token endpoints only. */
  readonly compat: SimpleJwtVersion | null;
  /** Who may introspect tokens. */
  readonly introspection: readonly ClientOptions[];
  readonly store: StoreConfig;
  /** Instances that share the port; `"auto"`: one for each core. */
  readonly workers: number | "auto";
  readonly revocation: { readonly pollIntervalMs: number; readonly maxStalenessMs: number };
  readonly log: LogOptions;
  /** WebSockets and event streams. */
  readonly longLived: { readonly leewayMs: number };
  readonly throttle: ThrottleOptions;
  readonly limits: LimitsConfig;
  readonly admin: AdminOptions;
  readonly stop: StopOptions;
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>;
  readonly routes: readonly RouteConfig[];
}
