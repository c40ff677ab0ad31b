/**
 * The route table: the configuration's lines, prepared for requests.
 *
 * @module
 */
import { RESOURCE_METADATA } from "../access/resource_metadata.ts";
import { createIdentityHeaders } from "../access/identity_headers.ts";
import type { Destination } from "../access/rule.ts";
import { durationMs } from "../base/duration.ts";
import { sizeBytes } from "../base/size.ts";
import type { GatewayConfig, RouteConfig } from "../config/config.ts";
import { compileRequirement } from "../policy/requirement.ts";
import type { AuthenticationRule } from "../policy/authentication.ts";
import { createRewrite } from "../policy/rewrite.ts";
import { compileRoutes } from "../policy/routes.ts";
import type { RoutePattern, RouteTable } from "../policy/routes.ts";
import { compileHeaderRules } from "../proxy/header_rules.ts";
import { createRequestHeaderFilter } from "../proxy/request_filter.ts";
import type { PreparedRoute, PreparedUpstream } from "../proxy/route.ts";
import { createWayBack } from "../proxy/way_back.ts";
import { createAssertionMinter } from "../tokens/assertion.ts";
import type { Core } from "./core.ts";
import { corsOf } from "./cors.ts";
import { identityHeaderNames, mappedHeaders } from "./upstreams.ts";
import type { OpenUpstreams } from "./upstreams.ts";

/** Postern's own paths first, so that no pattern of the configuration can take them over. */
export function compileTable(
  core: Pick<Core, "keys" | "clock">,
  config: GatewayConfig,
  { byName }: OpenUpstreams,
): RouteTable<Destination<PreparedRoute>> {
  const upstreams = new Map<string, PreparedUpstream>();
  for (const [name, { forward, connect }] of byName) {
    const upstream = config.upstreams.get(name);
    if (upstream === undefined) throw new TypeError(`no upstream "${name}"`);
    upstreams.set(name, {
      name,
      forward,
      connect,
      via: upstream.connection.via,
      passesHost: upstream.host === "incoming",
      forwardToken: upstream.forwardToken,
      identityHeaders: createIdentityHeaders({ ...mappedHeaders(config), ...upstream.headers }),
      assertion: upstream.assertion === null ? null : {
        header: upstream.assertion.header,
        mint: createAssertionMinter({
          keys: core.keys,
          upstream: name,
          config: upstream.assertion,
          issuer: config.tokens.issuer,
          subjectClaim: config.tokens.subjectClaim,
          clock: core.clock,
        }),
      },
    });
  }
  const identityHeaders = identityHeaderNames(config);
  return compileRoutes([
    ...ownPaths(config).map((path): RoutePattern<Destination<PreparedRoute>> => ({
      path,
      policyKey: "postern",
      value: { kind: "own" },
    })),
    ...config.routes.map((route): RoutePattern<Destination<PreparedRoute>> => {
      const upstream = upstreams.get(route.upstream);
      if (upstream === undefined) throw new TypeError(`no upstream "${route.upstream}"`);
      return {
        path: route.path,
        ...(route.host === undefined ? {} : { host: route.host }),
        ...(route.methods === undefined ? {} : { methods: route.methods }),
        policyKey: policyKey(route),
        encodedSlash: route.encodedSlash,
        reaches: route.upstream,
        ...(route.auth === "none" ? { opens: route.upstream } : {}),
        value: {
          kind: "route",
          route: {
            pattern: (route.host ?? "") + route.path,
            upstream,
            open: route.auth === "none",
            strict: route.revocation === "strict",
            transparent: route.refresh === "transparent",
            satisfied: route.require === undefined ? null : compileRequirement(route.require),
            requiredScope: route.require?.scope,
            deviceBound: route.require?.deviceBound ?? false,
            authentication: authenticationOf(route),
            maxBodyBytes: route.maxBody === undefined
              ? config.limits.bodyBytes
              : sizeBytes(route.maxBody),
            rewrite: route.rewrite === undefined ? null : createRewrite(route.rewrite),
            staysBehind: createRequestHeaderFilter({
              identityHeaders,
              passHeaders: route.passHeaders,
            }),
            wayBack: createWayBack({
              targets: config.upstreams.get(route.upstream)?.targets ?? [],
              ...route.rewrite,
            }),
            isShared: route.cache === "shared",
            requestHeaders: compileHeaderRules(route.requestHeaders),
            responseHeaders: compileHeaderRules(route.responseHeaders),
            cors: route.cors === undefined ? null : corsOf({
              ...route.cors,
              maxAgeSeconds: durationMs(route.cors.maxAge) / 1000,
            }, config),
          },
        },
      };
    }),
  ]);
}

function authenticationOf({ require }: RouteConfig): AuthenticationRule | null {
  if (require?.acr === undefined && require?.maxAuthAge === undefined) return null;
  return {
    acrValues: require.acr ?? [],
    maxAgeSeconds: require.maxAuthAge === undefined
      ? null
      : Math.round(durationMs(require.maxAuthAge) / 1000),
  };
}

/** Never forwarded, whatever the configuration says. */
export function ownPaths({ paths, issuers, clients }: GatewayConfig): string[] {
  return [
    `${paths.auth}/*`,
    `${paths.token}/*`,
    "/.well-known/jwks.json",
    // A backend may have its own where we have nothing to say.
    ...(issuers.length + clients.length > 0 ? [`${RESOURCE_METADATA}/*`] : []),
    ...(clients.length > 0 ? ["/.well-known/oauth-authorization-server"] : []),
  ];
}

/** Answered under whatever name they are asked by: probes, backends and proxies ask by others. */
export function isAnyHostPath({ paths: { auth } }: GatewayConfig): (path: string) => boolean {
  const exact = new Set([
    "/.well-known/jwks.json",
    `${auth}/healthz`,
    `${auth}/introspect`,
    `${auth}/revoke`,
  ]);
  return (path) => exact.has(path) || path.startsWith(`${auth}/verify/`);
}

/** Two routes with the same key protect in the same way, so a path may be read as either. */
function policyKey(route: RouteConfig): string {
  const { upstream, auth, revocation } = route;
  return JSON.stringify({
    upstream,
    auth,
    revocation,
    require: route.require ?? null,
    // What an upstream is told about a request may decide what it does.
    requestHeaders: route.requestHeaders ?? null,
    passHeaders: route.passHeaders,
    cache: route.cache,
  });
}
