/**
 * Who presents a credential, and on whose behalf somebody else is asked.
 *
 * @module
 */

/** On whose behalf a question is asked. */
export interface AskContext {
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/** The device at the other end, as far as it says. */
export interface ClientDevice {
  readonly userAgent: string;
  readonly ip: string;
}

/** Who presents a refresh token. */
export interface Presenter extends AskContext {
  readonly device: ClientDevice;
  /** Thumbprint of the key that they have proven to hold; absent: none. */
  readonly provenJkt?: string;
}
