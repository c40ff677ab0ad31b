/**
 * What programs with a credential of their own get tokens at, put together.
 *
 * @module
 */
import type { Hono } from "hono";
import { DPOP_ALGORITHMS } from "../binding/dpop.ts";
import type { GatewayConfig } from "../config/config.ts";
import { clientCredentials } from "../endpoints/token/client_credentials.ts";
import { tokenEndpoint } from "../endpoints/token/grants.ts";
import type { Grant } from "../endpoints/token/grants.ts";
import { createAuthenticateMachine } from "../endpoints/token/machine_clients.ts";
import { serverMetadata } from "../endpoints/token/server_metadata.ts";
import { TOKEN_EXCHANGE, tokenExchange } from "../endpoints/token/token_exchange.ts";
import type { ExchangeTarget } from "../endpoints/token/token_exchange.ts";
import type { GatewayEnv } from "../http/endpoint.ts";
import { createAssertionSigner } from "../tokens/assertion.ts";
import type { KeyRing } from "../tokens/key_ring.ts";
import { FOREIGN_ALGORITHMS } from "../tokens/issuers/options.ts";
import type { Access } from "./access.ts";
import type { Core } from "./core.ts";

/** The token endpoint, below `paths.auth`, and the metadata that lead there. */
export function clientEndpoints(
  { keys, clock }: Pick<Core, "keys" | "clock">,
  { authenticateBearer, sessions, dpop, offers }: Access,
  config: GatewayConfig,
): { readonly token: Hono<GatewayEnv>; readonly metadata: Hono<GatewayEnv> } {
  const { clients, origin, tokens, paths: { auth: prefix } } = config;
  const grants = new Map<string, Grant>([
    ["client_credentials", clientCredentials({ keys, tokens, clock })],
  ]);
  const targets = exchangeTargets(keys, config);
  if (targets.size > 0) {
    const { issuer } = tokens;
    grants.set(
      TOKEN_EXCHANGE,
      tokenExchange({ authenticateBearer, sessions, targets, issuer, clock, offers }),
    );
  }
  return {
    token: tokenEndpoint({
      authenticate: createAuthenticateMachine({
        machines: clients,
        audiences: [tokens.issuer, `${origin}${prefix}/token`],
        clock,
        clockToleranceSeconds: tokens.clockToleranceSeconds,
      }),
      grants,
      dpop,
    }),
    metadata: serverMetadata({
      origin,
      prefix,
      issuer: tokens.issuer,
      algorithms: FOREIGN_ALGORITHMS,
      grantTypes: Array.from(grants.keys()),
      proofAlgorithms: dpop === null ? [] : DPOP_ALGORITHMS,
    }),
  };
}

/** The upstreams that any client may get tokens for. */
function exchangeTargets(
  keys: KeyRing,
  { clients, upstreams, tokens }: GatewayConfig,
): ReadonlyMap<string, ExchangeTarget> {
  const targets = new Map<string, ExchangeTarget>();
  for (const name of clients.flatMap(({ exchange }) => exchange?.audience ?? [])) {
    const config = upstreams.get(name)?.assertion ?? null;
    if (config === null) throw new TypeError(`upstream "${name}" gets no assertions`);
    const { issuer, subjectClaim } = tokens;
    targets.set(name, {
      sign: createAssertionSigner({ keys, upstream: name, config, issuer, subjectClaim }),
      ttlSeconds: config.ttlSeconds,
    });
  }
  return targets;
}
