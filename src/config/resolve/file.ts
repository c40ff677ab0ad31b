/**
 * From the file to the form the gateway uses: defaults filled in, references resolved.
 *
 * @module
 */
import { DEFAULT_ADMIN, parseListen } from "../../admin/options.ts";
import { durationMs, seconds } from "../../base/duration.ts";
import { sizeBytes } from "../../base/size.ts";
import type { GatewayConfig, StoreConfig } from "../config.ts";
import type { ConfigFile } from "../schema/file.ts";
import type { Secrets } from "../secrets.ts";
import { resolveClients } from "./clients.ts";
import { resolveIdentity } from "./identity.ts";
import { resolveProviders } from "./providers.ts";
import { longestForeignSeconds, resolveIssuers } from "./issuers.ts";
import { resolveLegacy } from "./tokens.ts";
import { resolveDeviceBinding, resolveDpop } from "./binding.ts";
import { resolveVerify } from "./verify.ts";
import { resolveUpstream } from "./upstream.ts";

/** Turns a validated file into the form the gateway uses. */
export function resolveConfig(file: ConfigFile, secrets: Secrets): GatewayConfig {
  const url = new URL(file.origin);
  return {
    origin: url.origin,
    handover: file.handover && file.origins.length > 0,
    origins: file.origins.map((origin) => new URL(origin).origin),
    secure: url.protocol === "https:",
    paths: file.paths,
    cors: file.cors === undefined
      ? null
      : { ...file.cors, maxAgeSeconds: durationMs(file.cors.maxAge) / 1000 },
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
    proxy: file.proxy ?? null,
    identity: resolveIdentity(file.identity),
    providers: resolveProviders(file, secrets),
    introspection: Object.entries(file.introspection.clients).map(([id, { secret }]) => ({
      id,
      secret: secrets(secret),
    })),
    issuers: resolveIssuers(file.issuers),
    clients: resolveClients(file.clients),
    verify: resolveVerify(file.verify, secrets),
    dpop: resolveDpop(file.dpop, seconds(file.tokens.clockTolerance)),
    deviceBinding: resolveDeviceBinding(file.deviceBinding),
    tokens: {
      issuer: file.tokens.issuer ?? url.origin,
      audience: file.tokens.audience ?? url.origin,
      accessTtlSeconds: seconds(file.tokens.accessTtl),
      refreshTtlSeconds: seconds(file.tokens.refreshTtl),
      sessionMaxAgeSeconds: seconds(file.tokens.sessionMaxAge),
      maxSessions: file.tokens.maxSessions,
      rotationGraceMs: durationMs(file.tokens.rotationGrace),
      clockToleranceSeconds: seconds(file.tokens.clockTolerance),
      subjectClaim: file.tokens.subjectClaim ?? null,
      headerTypes: file.tokens.headerTypes,
      legacy: resolveLegacy(file.tokens.legacy),
      hasFamilies: file.handover && file.origins.length > 0,
      foreignTtlSeconds: longestForeignSeconds(file.issuers),
    },
    compat: file.compat === undefined ? null : file.compat === "simplejwt" ? "5.5" : file.compat,
    store: resolveStore(file.store),
    workers: file.workers,
    revocation: {
      pollIntervalMs: durationMs(file.revocation.pollInterval),
      maxStalenessMs: durationMs(file.revocation.maxStaleness),
    },
    log: { ...file.log, format: file.log.format ?? null },
    longLived: { leewayMs: durationMs(file.longLived.leeway) },
    throttle: {
      windowMs: durationMs(file.throttle.window),
      holdMs: answerMs(file) + 5_000,
      perUser: file.throttle.perUser,
      perAddress: file.throttle.perAddress,
    },
    limits: {
      bodyBytes: sizeBytes(file.limits.body),
      urlBytes: sizeBytes(file.limits.url),
      headerBytes: sizeBytes(file.limits.headerBytes),
      headerCount: file.limits.headerCount,
    },
    admin: {
      listen: parseListen(file.admin.listen ?? DEFAULT_ADMIN) ?? { kind: "off" },
      isChosen: file.admin.listen !== undefined,
    },
    stop: { delayMs: durationMs(file.stop.delay), graceMs: durationMs(file.stop.grace) },
    upstreams: new Map(
      Object.entries(file.upstreams).map(([name, upstream]) => [
        name,
        resolveUpstream(name, upstream),
      ]),
    ),
    routes: file.routes,
  };
}

function resolveStore(store: ConfigFile["store"]): StoreConfig {
  switch (store.kind) {
    case "memory":
    case "sqlite":
      return store;
    case "upstash":
      return { kind: "upstash", commandTimeoutMs: durationMs(store.commandTimeout) };
    case "redis":
      return {
        kind: "redis",
        commandTimeoutMs: durationMs(store.commandTimeout),
        caPath: store.ca ?? null,
      };
  }
}

/** How long the question after a password may take. */
function answerMs({ identity }: ConfigFile): number {
  return identity?.kind === "upstream" ? durationMs(identity.timeout) : 5_000;
}
