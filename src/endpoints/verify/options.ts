/**
 * Forward-auth, resolved.
 *
 * @module
 */

/** Who may ask, and how. */
export interface VerifyOptions {
  /** Addresses and CIDR blocks of the proxies that may ask. */
  readonly trustedProxies: readonly string[];
  /** What proxies without fixed addresses send in `X-Verify-Secret`; `null`: nothing does. */
  readonly secret: string | null;
}
