/**
 * An OpenID provider, asked with `oauth4webapi` through our own bounded `fetch`.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import type { Clock } from "../../base/clock.ts";
import type { JsonValue } from "../../base/json.ts";
import { compilePointer } from "../../base/json_pointer.ts";
import { createBoundedFetch } from "../../outbound/bounded_fetch.ts";
import { createCrowd } from "../../outbound/crowd.ts";
import { createGetJson } from "../../outbound/get_json.ts";
import { createKeySet } from "../../tokens/issuers/key_set.ts";
import type { KeySetReport, SharedDocuments } from "../../tokens/issuers/key_set.ts";
import { KEY_FETCH_LIMITS } from "../../tokens/issuers/options.ts";
import type { KeyRing } from "../../tokens/key_ring.ts";
import { authorize } from "./authorize.ts";
import type { ClientParts } from "./authorize.ts";
import { createClientAuth } from "./client_auth.ts";
import { browserEndpoint, createDiscovery, httpOptions } from "./discovery.ts";
import { errorCode, toFailure, UntrustedAnswerError } from "./failure.ts";
import { readIdToken, readSigned } from "./id_token.ts";
import type { SignedClaims } from "./id_token.ts";
import { checkLogoutToken, endSessionUrl } from "./logout.ts";
import type { OidcProviderOptions } from "./options.ts";
import type { CodeOutcome, CodeQuestion, OidcContext, OidcProvider } from "./port.ts";

/** Sign-ins that may have a question to the provider under way at one time. */
const MAX_STRANGERS = 100;

/** What a provider is reached with. */
export interface OidcParts {
  readonly fetch: typeof globalThis.fetch;
  readonly keys: KeyRing;
  readonly clock: Clock;
  /** A copy of key sets that outlives this instance. */
  readonly shared?: SharedDocuments;
  /** Told of each fetch of the provider's keys. */
  readonly report?: (report: KeySetReport) => void;
}

/** Prepares a provider; nothing is asked of it until somebody signs in. */
export function createOidcProvider(
  options: OidcProviderOptions,
  { fetch, keys: ring, clock, shared, report }: OidcParts,
): OidcProvider {
  const { name, issuer, clientId, algorithms, clockToleranceSeconds } = options;
  const http = httpOptions(issuer, createBoundedFetch(options, { fetch }));
  const discovery = createDiscovery(options, { http, clock });
  const signature = {
    algorithms,
    keys: createKeySet({ issuer, jwks: null }, {
      clock,
      getJson: createGetJson(KEY_FETCH_LIMITS, { fetch }),
      shared,
      ...(report === undefined ? {} : { report }),
    }),
  };
  const clientAuth = createClientAuth(options.clientAuth, ring);
  const wanted = options.wanted.map((pointer) => compilePointer(pointer));

  async function partsFor({ signal, waitUntil }: OidcContext): Promise<ClientParts> {
    const server = await discovery.get(waitUntil);
    const client: oauth.Client = {
      client_id: clientId,
      [oauth.clockSkew]: (clock() - Date.now()) / 1000,
      [oauth.clockTolerance]: clockToleranceSeconds,
    };
    // What is fetched for everybody must not end with one person's request; the rest does.
    return { server, client, clientAuth, http: { ...http, signal } };
  }

  /** The answer of a token endpoint: its ID token, if there is one, verified. */
  async function signedClaims(
    tokens: oauth.TokenEndpointResponse,
    { waitUntil }: OidcContext,
  ): Promise<SignedClaims | null> {
    if (tokens.id_token === undefined) return null;
    return await readIdToken(
      { idToken: tokens.id_token, accessToken: tokens.access_token },
      signature,
      { nowSeconds: clock() / 1000, waitUntil },
    );
  }

  /** Asks UserInfo only for what the ID token leaves out (Core section 5.3). */
  async function complete(
    claims: SignedClaims,
    accessToken: string,
    { server, client, http }: ClientParts,
    { waitUntil }: OidcContext,
  ): Promise<SignedClaims> {
    const isComplete = wanted.every((read) => read(claims) !== undefined);
    if (isComplete || server.userinfo_endpoint === undefined) return claims;
    const response = await oauth.userInfoRequest(server, client, accessToken, http);
    // A signed answer is read from the very text whose signature is verified.
    const [type] = (response.headers.get("content-type") ?? "").split(";");
    const signed = type?.trim().toLowerCase() === "application/jwt"
      ? await response.clone().text()
      : null;
    const checked = await oauth.processUserInfoResponse(
      server,
      client,
      String(claims.sub),
      response,
    );
    const info = signed === null
      ? checked as SignedClaims
      : (await readSigned(signed, signature, waitUntil)).payload;
    // Where both speak, the ID token counts.
    return { ...info, ...claims };
  }

  /**
   * What the provider says of the person now; `null`: nothing, or nothing that could
   * be had at the moment. The new refresh token is not to be lost for that.
   */
  async function freshClaims(
    tokens: oauth.TokenEndpointResponse,
    subject: string,
    parts: ClientParts,
    context: OidcContext,
  ): Promise<SignedClaims | null> {
    try {
      const signed = await signedClaims(tokens, context);
      // Core section 12.2: the same person as at the sign-in.
      if (signed !== null && signed.sub !== subject) {
        throw new UntrustedAnswerError("an ID token of somebody else");
      }
      // An ID token is no must here (section 12.2), so UserInfo may be all there is.
      const known = signed ?? { sub: subject };
      const completed = await complete(known, tokens.access_token, parts, context);
      return signed === null && completed === known ? null : completed;
    } catch (error) {
      if (toFailure(error, "fresh claims").kind === "unavailable") return null;
      throw error;
    }
  }

  async function proofOf(question: CodeQuestion, context: OidcContext): Promise<CodeOutcome> {
    const parts = await partsFor(context);
    const { server, client, clientAuth } = parts;
    const callback = oauth.validateAuthResponse(server, client, question.callback, question.state);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      clientAuth,
      callback,
      question.redirectUri,
      question.codeVerifier,
      parts.http,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: question.nonce,
      ...(question.maxAgeSeconds === null ? {} : { maxAge: question.maxAgeSeconds }),
      requireIdToken: true,
    });
    const claims = await signedClaims(tokens, context);
    if (claims === null || tokens.id_token === undefined) {
      throw new UntrustedAnswerError("an answer without an ID token");
    }
    // OpenID Connect Core Error Code unmet_authentication_requirements 1.0
    if (!isReached(claims.acr, question.acrValues)) {
      return { kind: "denied", error: "unmet_authentication_requirements" };
    }
    return {
      kind: "proven",
      claims: await complete(claims, tokens.access_token, parts, context),
      idToken: tokens.id_token,
      refreshToken: tokens.refresh_token ?? null,
    };
  }

  // Nobody has signed in yet who makes us ask: that must not become a flood at the provider.
  const ofStrangers = createCrowd({
    most: MAX_STRANGERS,
    // Discovery, keys, tokens and UserInfo, one after the other.
    longestMs: 4 * Math.max(options.timeoutMs, KEY_FETCH_LIMITS.timeoutMs),
    clock,
  });

  return {
    name,

    async authorize(question, context) {
      try {
        return await ofStrangers(async () =>
          await authorize(options, await partsFor(context), question)
        );
      } catch (error) {
        return toFailure(error, "authorization request");
      }
    },

    async exchange(question, context) {
      try {
        return await ofStrangers(() => proofOf(question, context));
      } catch (error) {
        if (error instanceof oauth.AuthorizationResponseError) {
          return { kind: "denied", error: errorCode(error.error) };
        }
        return toFailure(error, "authorization code");
      }
    },

    async refresh(refreshToken, subject, context) {
      try {
        const parts = await partsFor(context);
        const { server, client, clientAuth, http } = parts;
        const response = await oauth.refreshTokenGrantRequest(
          server,
          client,
          clientAuth,
          refreshToken,
          http,
        );
        const tokens = await oauth.processRefreshTokenResponse(server, client, response);
        const claims = await freshClaims(tokens, subject, parts, context);
        return { kind: "welcome", claims, refreshToken: tokens.refresh_token ?? refreshToken };
      } catch (error) {
        return toFailure(error, "refresh token");
      }
    },

    async readLogoutToken(token, { waitUntil }) {
      try {
        const notice = checkLogoutToken(await readSigned(token, signature, waitUntil), {
          issuer,
          clientId,
          toleranceSeconds: clockToleranceSeconds,
          nowSeconds: clock() / 1000,
        });
        return { kind: "notice", ...notice };
      } catch (error) {
        return toFailure(error, "logout token");
      }
    },

    async endSessionUrl(question, context) {
      try {
        const { server, http } = await partsFor(context);
        if (server.end_session_endpoint === undefined) return null;
        const endpoint = browserEndpoint(server.end_session_endpoint, http);
        return endSessionUrl(endpoint.href, { ...question, clientId });
      } catch (error) {
        // Signing out here works without the provider.
        toFailure(error, "sign-out");
        return null;
      }
    },

    isFailing: discovery.isFailing,
  };
}

/** `acr_values` is a wish only (Core section 3.1.2.1), so what was reached is looked at. */
function isReached(acr: JsonValue | undefined, wanted: readonly string[]): boolean {
  return wanted.length === 0 || (typeof acr === "string" && wanted.includes(acr));
}
