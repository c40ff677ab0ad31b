/**
 * Who is it, may they, and how a session begins, goes on and ends: put together
 * from the configuration.
 *
 * @module
 */
import { createToCookies } from "../access/cookie_session.ts";
import type { ToCookies } from "../access/cookie_session.ts";
import { createReadCredential } from "../access/credential.ts";
import type { ReadCredential } from "../access/credential.ts";
import { createDecide } from "../access/decide.ts";
import type { Decide } from "../access/decide.ts";
import { createIdentify } from "../access/identify.ts";
import type { Identify } from "../access/identify.ts";
import { createFindLeaving } from "../access/leaving.ts";
import type { FindLeaving } from "../access/leaving.ts";
import { createProveKey } from "../access/prove_key.ts";
import { createDeviceOffers } from "../access/offers.ts";
import type { DeviceOffers } from "../access/offers.ts";
import { createDeviceBinding } from "../binding/device_binding.ts";
import type { DeviceBinding } from "../binding/device_binding.ts";
import { createDpop } from "../binding/dpop.ts";
import type { Dpop } from "../binding/dpop.ts";
import { createRenew } from "../access/renew.ts";
import type { Renew } from "../access/renew.ts";
import { createRefusalWords } from "../access/refusal.ts";
import type { RefusalWords } from "../access/refusal.ts";
import { createStepUp } from "../access/step_up.ts";
import { createAuthenticate } from "../access/standing.ts";
import type { Authenticate, AuthenticateBearer } from "../access/standing.ts";
import { createCookieJar } from "../browser/cookies.ts";
import type { CookieJar } from "../browser/cookies.ts";
import type { Cors } from "../browser/cors.ts";
import { createOriginRule } from "../browser/origin_rule.ts";
import type { OriginRule } from "../browser/origin_rule.ts";
import { createCsrf } from "../browser/csrf.ts";
import type { Csrf } from "../browser/csrf.ts";
import type { GatewayConfig } from "../config/config.ts";
import { createTokenSchemes } from "../http/authorization.ts";
import type { TokenSchemes } from "../http/authorization.ts";
import { createRecheck } from "../identity/recheck.ts";
import type { Recheck } from "../identity/recheck.ts";
import { createVerifyElsewhere } from "../identity/verify_elsewhere.ts";
import { createOnce } from "../sessions/once.ts";
import type { Once } from "../sessions/once.ts";
import { createSessions } from "../sessions/sessions.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Issuers } from "../tokens/issuers/issuers.ts";
import { createLegacyCheck } from "../tokens/legacy.ts";
import { createPairMinter } from "../tokens/mint.ts";
import { createTokenVerifier } from "../tokens/verify.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import type { Core } from "./core.ts";
import { corsOf } from "./cors.ts";
import { createBearer, createForeign } from "./issuers.ts";
import type { GatewayPorts } from "./ports.ts";
import { createProviders } from "./providers.ts";
import { namedSources } from "./sources.ts";
import type { Providers } from "./providers.ts";

/** What proxied requests and Postern's own endpoints share. */
export interface Access {
  readonly verifier: TokenVerifier;
  /** `null`: nobody else's tokens are taken. */
  readonly issuers: Issuers | null;
  readonly authenticate: Authenticate;
  readonly authenticateBearer: AuthenticateBearer;
  readonly sessions: Sessions;
  /** What any instance may take once. */
  readonly once: Once;
  readonly providers: Providers;
  readonly jar: CookieJar;
  readonly csrf: Csrf;
  readonly toCookies: ToCookies;
  readonly renew: Renew;
  readonly findLeaving: FindLeaving;
  readonly identify: Identify;
  /** `null`: switched off. */
  readonly dpop: Dpop | null;
  /** `null`: switched off. */
  readonly device: DeviceBinding | null;
  readonly offers: DeviceOffers | null;
  readonly ownCors: Cors | null;
  readonly isTrustedOrigin: OriginRule;
  readonly schemes: TokenSchemes;
  readonly readCredential: ReadCredential;
  readonly decide: Decide;
  readonly words: RefusalWords;
}

/** Puts {@link Access} together. */
export function createAccess(core: Core, config: GatewayConfig, ports: GatewayPorts): Access {
  const { store, keys, clock, view } = core;
  const { tokens } = config;
  const { legacyKey = null } = ports;
  const verifier = core.keyUsage.watch(createTokenVerifier({
    keys,
    rules: tokens,
    clock,
    ...(tokens.legacy === null || legacyKey === null ? {} : {
      legacy: {
        key: legacyKey,
        check: createLegacyCheck(tokens.legacy, tokens, namedSources(config)),
      },
    }),
  }));
  const authenticate = createAuthenticate({ verifier, view });
  const issuers = createForeign(core, config, ports);
  const providers = createProviders(core, config, ports);
  const sessions = createSessions({
    store,
    view,
    verifier,
    clock,
    config: tokens,
    mintPair: createPairMinter(keys, tokens),
    recheckSealed: providers.recheckSealed,
    ...createQuestions(config, ports.askFetch ?? fetch),
  });
  const jar = createCookieJar({ secure: config.secure });
  const ownCors = config.cors === null ? null : corsOf(config.cors, config);
  const isTrustedOrigin = createOriginRule(ownCors);
  const schemes = createTokenSchemes([
    ...tokens.headerTypes,
    ...(config.dpop === null ? [] : ["DPoP"]),
  ]);
  const readCredential = createReadCredential({ jar, schemes });
  const csrf = createCsrf(keys.hmacKeys);
  const once = createOnce(store, clock);
  const device = config.deviceBinding === null
    ? null
    : createDeviceBinding({ ...tokens, hmacKeys: keys.hmacKeys, clock, once });
  const offers = device === null || config.deviceBinding === null ? null : createDeviceOffers({
    ...config.deviceBinding,
    challenges: device.challenges,
    verifier,
    clock,
    path: `${config.paths.auth}/dbsc/register`,
    clockToleranceSeconds: config.tokens.clockToleranceSeconds,
  });
  const toCookies = createToCookies({ jar, csrf, clock, offers });
  const renew = createRenew({ sessions, toCookies, jar });
  const dpop = config.dpop === null
    ? null
    : createDpop({ options: config.dpop, hmacKeys: keys.hmacKeys, clock });
  const authenticateBearer = createBearer(core, issuers, authenticate);
  const identify = createIdentify({
    proveKey: createProveKey(dpop, once),
    csrf,
    verifier,
    authenticate,
    authenticateBearer,
    renew,
    offers,
  });
  return {
    verifier,
    issuers,
    authenticate,
    authenticateBearer,
    sessions,
    once,
    providers,
    jar,
    csrf,
    toCookies,
    renew,
    findLeaving: createFindLeaving({ isTrustedOrigin, csrf, verifier }),
    identify,
    dpop,
    device,
    offers,
    ownCors,
    isTrustedOrigin,
    schemes,
    readCredential,
    decide: createDecide({
      readCredential,
      sessions,
      identify,
      clock,
      offers,
      onAuthenticated: core.metrics.authenticated,
    }),
    words: createRefusalWords({
      loginPath: `${config.paths.auth}/login`,
      bindingPath: device === null ? null : `${config.paths.auth}/binding`,
      resourceOrigin: issuers === null ? null : config.origin,
      compat: config.compat,
      verifier,
      onSentToSignIn: core.metrics.sentToSignIn,
      stepUp: config.providers.size === 0 ? null : createStepUp({
        prefix: config.paths.auth,
        providers: Array.from(config.providers.keys()),
        onlySource: config.providers.size === 1 && config.identity.kind === "none",
      }),
    }),
  };
}

/** The backend knows nobody who came from a provider, so it is not asked about them. */
function ofPasswords(recheck: Recheck, providers: readonly string[]): Recheck {
  if (providers.length === 0) return recheck;
  return async function recheckPassword(subject, context) {
    return providers.some((name) => subject.startsWith(`${name}|`))
      ? { kind: "welcome", claims: null }
      : await recheck(subject, context);
  };
}

/** What the backend is asked about people who are signed in. */
function createQuestions(
  { identity, tokens, providers }: GatewayConfig,
  askFetch: typeof fetch,
) {
  const ports = { fetch: askFetch };
  const url = tokens.legacy?.verifyUrl ?? null;
  const limits = { timeoutMs: 5_000, maxBytes: 64 * 1024 };
  return {
    recheck: identity.kind === "upstream" && identity.recheck !== null
      ? ofPasswords(createRecheck(identity.recheck, ports), Array.from(providers.keys()))
      : null,
    verifyElsewhere: url === null ? null : createVerifyElsewhere({ ...limits, url }, ports),
  };
}
