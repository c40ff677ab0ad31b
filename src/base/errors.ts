/**
 * Errors that several rooms name.
 *
 * @module
 */

/** The store did not answer in time or broke; try again later (503 on the wire). */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
  readonly code = "store_unavailable";
}

/** What is known of somebody does not fit into their tokens; `message` says which and why. */
export class ClaimsTooLargeError extends Error {
  override readonly name = "ClaimsTooLargeError";
  readonly code = "claims_too_large";
}
