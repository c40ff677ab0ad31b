/**
 * The provider's own description of itself
 * ({@link https://openid.net/specs/openid-connect-discovery-1_0.html | OpenID Connect Discovery 1.0}):
 * fetched when it is first needed, never at start.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import type { Clock } from "../../base/clock.ts";
import type { BoundedFetch } from "../../outbound/bounded_fetch.ts";
import { createKept } from "../../outbound/kept.ts";
import type { Kept } from "../../outbound/kept.ts";
import { UntrustedAnswerError } from "./failure.ts";
import { DISCOVERY_KEPT } from "./options.ts";
import type { OidcProviderOptions } from "./options.ts";

/** What oauth4webapi is told about how to reach a provider. */
export interface HttpOptions {
  readonly [oauth.customFetch]: BoundedFetch;
  readonly [oauth.allowInsecureRequests]: boolean;
  readonly signal?: AbortSignal;
}

/**
 * An address of the provider that a browser is sent to.
 *
 * @throws {UntrustedAnswerError} when it is none, or in clear where the issuer is not.
 */
export function browserEndpoint(address: string | undefined, http: HttpOptions): URL {
  const url = address === undefined ? null : URL.parse(address);
  const isAllowed = url?.protocol === "https:" ||
    (url?.protocol === "http:" && http[oauth.allowInsecureRequests]);
  if (url === null || !isAllowed) {
    throw new UntrustedAnswerError("its discovery document lacks an address, or has it in clear");
  }
  return url;
}

/** Binds the options; only an issuer on this very machine may be asked in clear. */
export function httpOptions(issuer: string, fetch: BoundedFetch): HttpOptions {
  return {
    [oauth.customFetch]: fetch,
    [oauth.allowInsecureRequests]: new URL(issuer).protocol === "http:",
  };
}

/** Prepares discovery; what it hands out accepts only the algorithms of the configuration. */
export function createDiscovery(
  { issuer, algorithms }: Pick<OidcProviderOptions, "issuer" | "algorithms">,
  { http, clock }: { readonly http: HttpOptions; readonly clock: Clock },
): Kept<oauth.AuthorizationServer> {
  const url = new URL(issuer);

  async function load(): Promise<oauth.AuthorizationServer> {
    const response = await oauth.discoveryRequest(url, http);
    const server = await oauth.processDiscoveryResponse(url, response);
    // The library compares URLs; an issuer is compared as a string (Discovery section 4.3).
    if (server.issuer !== issuer) {
      throw new UntrustedAnswerError(
        "the issuer calls itself by another name than the configuration; a trailing slash matters",
      );
    }
    return {
      ...server,
      id_token_signing_alg_values_supported: [...algorithms],
      userinfo_signing_alg_values_supported: [...algorithms],
    };
  }

  return createKept(load, { options: DISCOVERY_KEPT, clock });
}
