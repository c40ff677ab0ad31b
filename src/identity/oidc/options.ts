/**
 * What an OpenID provider is known by, resolved: secrets read, pointers checked,
 * times in milliseconds or seconds as the names say.
 *
 * @module
 */
import type { JsonPointer } from "../../base/json_pointer.ts";
import type { ForeignAlgorithm } from "../../tokens/issuers/options.ts";

/** How we prove at the token endpoint who we are (OpenID Connect Core 1.0 section 9). */
export type ClientAuthOptions =
  | { readonly kind: "client_secret_basic" | "client_secret_post"; readonly secret: string }
  /** With a key of our own ring, published in our JWKS: there is no shared secret. */
  | { readonly kind: "private_key_jwt" }
  /** A public client; PKCE alone protects the code. */
  | { readonly kind: "none" };

/** An OpenID provider. */
export interface OidcProviderOptions {
  /** Name in the configuration and in paths: letters, digits, `-` and `_`. */
  readonly name: string;
  /** The exact `iss`; a trailing slash matters (OpenID Connect Discovery 1.0 section 4.3). */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientAuth: ClientAuthOptions;
  /** `openid` included. */
  readonly scopes: readonly string[];
  /** Accepted signature algorithms; asymmetric only. */
  readonly algorithms: readonly ForeignAlgorithm[];
  /** Whether parameters are pushed (RFC 9126); `auto`: where the provider can. */
  readonly par: "auto" | "always" | "never";
  readonly responseMode: "query" | "form_post";
  /** Sent with every authorization request unless a request brings an allowed one. */
  readonly prompt: string | null;
  /** Further parameters that are always sent, such as `hd` or `audience`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Claims that must be found; UserInfo is asked only when the ID token lacks one of them. */
  readonly wanted: readonly JsonPointer[];
  readonly clockToleranceSeconds: number;
  /** For one exchange with the provider. */
  readonly timeoutMs: number;
  /** Largest answer that is read. */
  readonly maxBytes: number;
}

/** How long discovery documents are kept. */
export const DISCOVERY_KEPT = {
  freshMs: 3_600_000,
  staleIfErrorMs: 24 * 3_600_000,
  cooldownMs: 5_000,
  flightMs: 15_000,
} as const;

/** Parameters that make the flow what it is; nothing else may set them. */
export const PROTOCOL_PARAMETERS: ReadonlySet<string> = new Set([
  "client_id",
  "client_secret",
  "code_challenge",
  "code_challenge_method",
  "max_age",
  "nonce",
  "redirect_uri",
  "registration",
  "request",
  "request_uri",
  "response_mode",
  "response_type",
  "scope",
  "state",
]);
