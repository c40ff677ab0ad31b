/**
 * An OpenID provider, asked with `oauth4webapi` through our own bounded `fetch`.
 *
 * @module
 */
import { createCrowd } from "../../outbound/crowd.ts";
import { KEY_FETCH_LIMITS } from "../../tokens/issuers/options.ts";
import { authorize } from "./authorize.ts";
import { createOidcClient } from "./client.ts";
import type { OidcParts } from "./client.ts";
import { browserEndpoint } from "./discovery.ts";
import { toFailure } from "./failure.ts";
import { exchangeCode, exchangeRefreshToken } from "./grants.ts";
import { readSigned } from "./id_token.ts";
import { checkLogoutToken, endSessionUrl } from "./logout.ts";
import type { OidcProviderOptions } from "./options.ts";
import type { OidcProvider } from "./port.ts";

/** Sign-ins that may have a question to the provider under way at one time. */
const MAX_STRANGERS = 100;
/** Of these, by people of one address. */
const MAX_STRANGERS_OF_ONE = 25;

/** Prepares a provider; nothing is asked of it until somebody signs in. */
export function createOidcProvider(options: OidcProviderOptions, parts: OidcParts): OidcProvider {
  const { name, issuer, clientId, clockToleranceSeconds: toleranceSeconds } = options;
  const { clock } = parts;
  const ours = createOidcClient(options, parts);
  // Nobody has signed in yet who makes us ask: that must not become a flood at the provider.
  const ofStrangers = createCrowd({
    most: MAX_STRANGERS,
    mostEach: MAX_STRANGERS_OF_ONE,
    // Discovery, keys, tokens and UserInfo, one after the other.
    longestMs: 4 * Math.max(options.timeoutMs, KEY_FETCH_LIMITS.timeoutMs),
    clock,
  });

  return {
    name,

    async authorize(question, context) {
      try {
        return await ofStrangers(
          context.askedFrom ?? null,
          async () => await authorize(options, await ours.partsFor(context), question),
        );
      } catch (error) {
        return toFailure(error, "authorization request");
      }
    },

    async exchange(question, context) {
      try {
        return await ofStrangers(
          context.askedFrom ?? null,
          () => exchangeCode(ours, question, context),
        );
      } catch (error) {
        return toFailure(error, "authorization code");
      }
    },

    refresh: (refreshToken, subject, context) =>
      exchangeRefreshToken(ours, refreshToken, subject, context),

    async readLogoutToken(token, { waitUntil }) {
      try {
        const read = await readSigned(token, ours.signature, waitUntil);
        const rules = { issuer, clientId, toleranceSeconds, nowSeconds: clock() / 1000 };
        return { kind: "notice", ...checkLogoutToken(read, rules) };
      } catch (error) {
        return toFailure(error, "logout token");
      }
    },

    async endSessionUrl(question, context) {
      try {
        const { server, http } = await ours.partsFor(context);
        if (server.end_session_endpoint === undefined) return null;
        const endpoint = browserEndpoint(server.end_session_endpoint, http);
        return endSessionUrl(endpoint.href, { ...question, clientId });
      } catch (error) {
        // Signing out here works without the provider.
        toFailure(error, "sign-out");
        return null;
      }
    },

    isFailing: ours.discovery.isFailing,
  };
}
