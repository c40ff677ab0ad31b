/**
 * What the room is configured with; `config/` fills it in.
 *
 * @module
 */

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

/** Sessions of browsers that are bound to a key of the device. */
export interface DeviceBindingOptions {
  /**
   * How long after its beginning a session may be without a key, in milliseconds;
   * after that it is let into no route with auth. `null`: for ever.
   */
  readonly requiredAfterMs: number | null;
}
