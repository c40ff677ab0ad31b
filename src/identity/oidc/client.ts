/**
 * Our side of the conversation with a provider: who we are there, and what its
 * answers are held against.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import type { Clock } from "../../base/clock.ts";
import { compilePointer } from "../../base/json_pointer.ts";
import type { JsonReader } from "../../base/json_pointer.ts";
import { createBoundedFetch } from "../../outbound/bounded_fetch.ts";
import { createGetJson } from "../../outbound/get_json.ts";
import type { Kept } from "../../outbound/kept.ts";
import { createKeySet } from "../../tokens/issuers/key_set.ts";
import type { KeySetReport, SharedDocuments } from "../../tokens/issuers/key_set.ts";
import { KEY_FETCH_LIMITS } from "../../tokens/issuers/options.ts";
import type { KeyRing } from "../../tokens/key_ring.ts";
import { createClientAuth } from "./client_auth.ts";
import { createDiscovery, httpOptions } from "./discovery.ts";
import type { HttpOptions } from "./discovery.ts";
import type { SignatureParts } from "./id_token.ts";
import type { OidcProviderOptions } from "./options.ts";
import type { OidcContext } from "./port.ts";

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

/** What one question to the provider is made with. */
export interface ClientParts {
  readonly server: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly clientAuth: oauth.ClientAuth;
  readonly http: HttpOptions;
}

/** Us, as a client of one provider. */
export interface OidcClient {
  readonly clientId: string;
  readonly discovery: Kept<oauth.AuthorizationServer>;
  readonly signature: SignatureParts;
  /** Claims that somebody wants to read. */
  readonly wanted: readonly JsonReader[];
  readonly clock: Clock;
  /** Everything for one question; fetches the provider's description where it has to. */
  partsFor(context: OidcContext): Promise<ClientParts>;
}

/** Prepares a client; nothing is asked of the provider until somebody signs in. */
export function createOidcClient(
  options: OidcProviderOptions,
  { fetch, keys, clock, shared, report }: OidcParts,
): OidcClient {
  const { issuer, clientId, algorithms, clockToleranceSeconds } = options;
  const http = httpOptions(issuer, createBoundedFetch(options, { fetch }));
  const discovery = createDiscovery(options, { http, clock });
  const clientAuth = createClientAuth(options.clientAuth, keys);
  return {
    clientId,
    discovery,
    clock,
    signature: {
      algorithms,
      keys: createKeySet({ issuer, jwks: null }, {
        clock,
        getJson: createGetJson(KEY_FETCH_LIMITS, { fetch }),
        shared,
        ...(report === undefined ? {} : { report }),
      }),
    },
    wanted: options.wanted.map((pointer) => compilePointer(pointer)),

    async partsFor({ signal, waitUntil }) {
      const server = await discovery.get(waitUntil);
      const client: oauth.Client = {
        client_id: clientId,
        [oauth.clockSkew]: (clock() - Date.now()) / 1000,
        [oauth.clockTolerance]: clockToleranceSeconds,
      };
      // What is fetched for everybody must not end with one person's request; the rest does.
      return { server, client, clientAuth, http: { ...http, signal } };
    },
  };
}
