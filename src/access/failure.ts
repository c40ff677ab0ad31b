/**
 * How what was thrown leaves the house.
 *
 * @module
 */
import { ClaimsTooLargeError, StoreUnavailableError } from "../base/errors.ts";
import type { Surroundings } from "../http/around.ts";
import { problemResponse } from "../http/problem.ts";

/** The answer to what was thrown: the store's absence is no fault of ours, the rest is. */
export function failure(error: unknown, around: Surroundings): Response {
  const { requestId } = around.trace;
  if (error instanceof StoreUnavailableError) {
    around.emit({ event: "store_unavailable", reason: error.message });
    return problemResponse({ code: "store_unavailable" }, requestId);
  }
  if (error instanceof ClaimsTooLargeError) {
    around.emit({ event: "internal_error", reason: error.message });
    return problemResponse({ code: "claims_too_large", detail: error.message }, requestId);
  }
  const reason = error instanceof Error ? error.stack ?? error.message : String(error);
  around.emit({ event: "internal_error", reason });
  return problemResponse({ code: "internal_error" }, requestId);
}
