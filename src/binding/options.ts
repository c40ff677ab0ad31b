/**
 * What the room is configured with; `config/` fills it in.
 *
 * @module
 */

/** Whether cookie sessions are bound to a key of the browser. */
export type DeviceBinding = "off" | "offer" | "require";

/** DPoP (RFC 9449) for API clients. */
export interface DpopOptions {
  /**
   * Whether each proof must carry a nonce of ours (RFC 9449 §8): proofs can
   * then not be made in advance, and a client's clock does not matter.
   */
  readonly requireNonce: boolean;
  /** Without nonces: how old the `iat` of a proof may be, in seconds. */
  readonly proofAgeSeconds: number;
  /** Without nonces: how far the `iat` of a proof may lie ahead, in seconds. */
  readonly clockToleranceSeconds: number;
  /** Proofs remembered against replay, in each instance. */
  readonly replayEntries: number;
}

/** Everything about bound sessions and tokens. */
export interface BindingOptions {
  readonly device: DeviceBinding;
  /** Life of the access token of a bound session, in seconds. */
  readonly accessTtlSeconds: number;
  /** `null`: switched off, nothing of it is built. */
  readonly dpop: DpopOptions | null;
}
