/**
 * What is exchanged at the token endpoint: an authorization code (OpenID Connect
 * Core 1.0 section 3.1.3) and a refresh token (section 12).
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import type { JsonValue } from "../../base/json.ts";
import { completed, freshClaims, signedClaims } from "./claims.ts";
import type { OidcClient } from "./client.ts";
import { errorCode, toFailure, UntrustedAnswerError } from "./failure.ts";
import type { CodeOutcome, CodeQuestion, OidcContext, RefreshedOutcome } from "./port.ts";

/** Exchanges an authorization code; never throws for anything that the provider does. */
export async function exchangeCode(
  ours: OidcClient,
  question: CodeQuestion,
  context: OidcContext,
): Promise<CodeOutcome> {
  try {
    return await proofOf(ours, question, context);
  } catch (error) {
    if (error instanceof oauth.AuthorizationResponseError) {
      return { kind: "denied", error: errorCode(error.error) };
    }
    return toFailure(error, "authorization code");
  }
}

async function proofOf(
  ours: OidcClient,
  question: CodeQuestion,
  context: OidcContext,
): Promise<CodeOutcome> {
  const parts = await ours.partsFor(context);
  const { server, client, clientAuth, http } = parts;
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    clientAuth,
    oauth.validateAuthResponse(server, client, question.callback, question.state),
    question.redirectUri,
    question.codeVerifier,
    http,
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: question.nonce,
    ...(question.maxAgeSeconds === null ? {} : { maxAge: question.maxAgeSeconds }),
    requireIdToken: true,
  });
  const claims = await signedClaims(ours, tokens, context);
  if (claims === null || tokens.id_token === undefined) {
    throw new UntrustedAnswerError("an answer without an ID token");
  }
  // OpenID Connect Core Error Code unmet_authentication_requirements 1.0
  if (!isReached(claims.acr, question.acrValues)) {
    return { kind: "denied", error: "unmet_authentication_requirements" };
  }
  return {
    kind: "proven",
    claims: await completed(ours, claims, tokens.access_token, parts, context),
    idToken: tokens.id_token,
    refreshToken: tokens.refresh_token ?? null,
  };
}

/** Exchanges a refresh token; never throws for anything that the provider does. */
export async function exchangeRefreshToken(
  ours: OidcClient,
  refreshToken: string,
  subject: string,
  context: OidcContext,
): Promise<RefreshedOutcome> {
  try {
    const parts = await ours.partsFor(context);
    const { server, client, clientAuth, http } = parts;
    const response = await oauth.refreshTokenGrantRequest(
      server,
      client,
      clientAuth,
      refreshToken,
      http,
    );
    const tokens = await oauth.processRefreshTokenResponse(server, client, response);
    const claims = await freshClaims(ours, tokens, subject, parts, context);
    return { kind: "welcome", claims, refreshToken: tokens.refresh_token ?? refreshToken };
  } catch (error) {
    return toFailure(error, "refresh token");
  }
}

/** `acr_values` is a wish only (Core section 3.1.2.1), so what was reached is looked at. */
function isReached(acr: JsonValue | undefined, wanted: readonly string[]): boolean {
  return wanted.length === 0 || (typeof acr === "string" && wanted.includes(acr));
}
