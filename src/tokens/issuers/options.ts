/**
 * What an issuer is known by, resolved: pointers checked, times in seconds.
 *
 * @module
 */
import type { JsonValue } from "../../base/json.ts";
import type { JsonPointer } from "../../base/json_pointer.ts";

/**
 * Signature algorithms that can be trusted across a network: asymmetric only, so
 * that nobody who can verify can also sign (RFC 8725 §3.2, RFC 7518 §3.1, RFC 8037).
 */
export const FOREIGN_ALGORITHMS = [
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
  "PS256",
  "PS384",
  "PS512",
  "RS256",
  "RS384",
  "RS512",
] as const;

/** One of {@link FOREIGN_ALGORITHMS}. */
export type ForeignAlgorithm = (typeof FOREIGN_ALGORITHMS)[number];

/** Somebody else whose access tokens are taken. */
export interface IssuerOptions {
  /** Name in the configuration; the head of every subject, so it holds no `|`. */
  readonly name: string;
  /** The exact `iss`; a trailing slash matters. */
  readonly issuer: string;
  /** Address of the key set; `null`: found by discovery below `issuer`. */
  readonly jwks: string | null;
  readonly algorithms: readonly ForeignAlgorithm[];
  /** Accepted `typ` in lower case without `application/`; `""` stands for a token without one. */
  readonly types: readonly string[];
  /** `aud` must hold one of these; `null`: not looked at, so `clients` is given. */
  readonly audience: readonly string[] | null;
  /** The first of `claims` that a token has must be one of `allow`; `null`: any client. */
  readonly clients: { readonly allow: readonly string[] } | null;
  /** Claims that name the client, the first that is there counts. */
  readonly clientClaims: readonly string[];
  /** Claims that must be exactly this (Cognito: `token_use` is `access`). */
  readonly claimEquals: Readonly<Record<string, JsonValue>>;
  readonly subject: JsonPointer;
  /** Scopes of all of these together; a string is split at spaces, a list is taken as it is. */
  readonly scope: readonly JsonPointer[];
  /** Mapped claims: name to pointer into the payload. */
  readonly claims: Readonly<Record<string, JsonPointer>>;
  /** Who its tokens stand for; `detect` looks at each token. */
  readonly actor: "detect" | "user" | "client";
  readonly clockToleranceSeconds: number;
  /**
   * A token is dead this long after its `iat`, whatever its `exp` says; so a
   * revocation has to be remembered no longer than this.
   */
  readonly maxLifetimeSeconds: number;
}

/** The most that `maxLifetimeSeconds` can be set to: nothing has to be remembered for longer. */
export const LONGEST_LIFE_SECONDS = 30 * 86_400;

/** How keys are fetched and kept. */
export interface KeySetOptions {
  /** A set is fresh for so long; it is renewed in the background before that. */
  readonly freshMs: number;
  /** With the issuer out of reach, a set is used for so long after it was fetched. */
  readonly staleIfErrorMs: number;
  /** At least this between two fetches, however the first one ended. */
  readonly cooldownMs: number;
  /** How long a request waits for a fetch that may bring its key. */
  readonly waitMs: number;
}

/** The contract of README.md. */
export const KEY_SET_DEFAULTS: KeySetOptions = {
  freshMs: 10 * 60_000,
  staleIfErrorMs: 24 * 3_600_000,
  cooldownMs: 30_000,
  waitMs: 1_000,
};

/** Limits of one fetch of a key set or a discovery document. */
export const KEY_FETCH_LIMITS = { timeoutMs: 5_000, maxBytes: 512 * 1024 } as const;
