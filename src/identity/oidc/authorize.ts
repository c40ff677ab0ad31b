/**
 * The authorization request: code flow only, PKCE S256 always
 * ({@link https://www.rfc-editor.org/rfc/rfc9700#section-2.1 | RFC 9700 section 2.1}), pushed
 * where the provider can ({@link https://www.rfc-editor.org/rfc/rfc9126 | RFC 9126}).
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import type { ClientParts } from "./client.ts";
import { browserEndpoint } from "./discovery.ts";
import { toFailure, UntrustedAnswerError } from "./failure.ts";
import type { OidcProviderOptions } from "./options.ts";
import type { AuthorizationOutcome, AuthorizationQuestion } from "./port.ts";

type Options = Pick<
  OidcProviderOptions,
  "clientId" | "scopes" | "par" | "prompt" | "parameters" | "responseMode"
>;

/** Builds the URL to send a browser to. */
export async function authorize(
  options: Options,
  parts: ClientParts,
  question: AuthorizationQuestion,
): Promise<AuthorizationOutcome> {
  const { server, http } = parts;
  const { par } = options;
  const endpoint = browserEndpoint(server.authorization_endpoint, http);
  const parameters = await parametersOf(options, question);
  const required = par === "always" || server.require_pushed_authorization_requests === true;
  const possible = server.pushed_authorization_request_endpoint !== undefined;
  if (!required && (par === "never" || !possible)) {
    return { kind: "redirect", url: to(endpoint, parameters) };
  }
  try {
    const pushed = await push(parts, parameters);
    return {
      kind: "redirect",
      url: to(endpoint, { client_id: options.clientId, request_uri: pushed }),
    };
  } catch (error) {
    const failure = toFailure(error, "pushed authorization request");
    // Some providers list the endpoint but let only some clients use it.
    if (required || failure.kind !== "refused") return failure;
    return { kind: "redirect", url: to(endpoint, parameters), notPushed: failure.reason };
  }
}

async function push(
  { server, client, clientAuth, http }: ClientParts,
  parameters: Readonly<Record<string, string>>,
): Promise<string> {
  const response = await oauth.pushedAuthorizationRequest(
    server,
    client,
    clientAuth,
    parameters,
    http,
  );
  const { request_uri: uri } = await oauth.processPushedAuthorizationResponse(
    server,
    client,
    response,
  );
  if (uri.length > 1_000) throw new UntrustedAnswerError("a request_uri that is too long");
  return uri;
}

async function parametersOf(
  { clientId, scopes, prompt, parameters, responseMode }: Options,
  question: AuthorizationQuestion,
): Promise<Record<string, string>> {
  const { redirectUri, state, nonce, codeVerifier, maxAgeSeconds, acrValues } = question;
  return {
    ...parameters,
    ...(prompt === null ? {} : { prompt }),
    ...question.parameters,
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    ...(responseMode === "query" ? {} : { response_mode: responseMode }),
    scope: scopes.join(" "),
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: "S256",
    ...(maxAgeSeconds === null ? {} : { max_age: String(maxAgeSeconds) }),
    ...(acrValues.length === 0 ? {} : { acr_values: acrValues.join(" ") }),
  };
}

/** Keeps what the endpoint's own query holds (RFC 6749 section 3.1). */
function to(endpoint: URL, parameters: Readonly<Record<string, string>>): string {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}
