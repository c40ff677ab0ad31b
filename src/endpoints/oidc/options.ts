/**
 * What of a provider is seen from outside.
 *
 * @module
 */

/** A provider, as the endpoints and the sign-in page show it; resolved. */
export interface OidcEndpointOptions {
  readonly name: string;
  /** On its button. */
  readonly label: string;
  /** Same-origin path, https or data URL of its icon; `null`: none. */
  readonly icon: string | null;
  /** Parameters that a sign-in link may bring along, and the values that each may have. */
  readonly hints: Readonly<Record<string, readonly string[] | "any">>;
  /** Whether signing out here goes on at the provider. */
  readonly rpInitiatedLogout: boolean;
  /** Whether the provider may end sessions here by itself. */
  readonly backChannelLogout: boolean;
}
