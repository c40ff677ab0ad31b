/**
 * Why a request can not be read in one way only.
 *
 * @module
 */

/** A refusal (400): a stable code, and a sentence for the person who sent the request. */
export interface RequestProblem {
  readonly code: "invalid_request" | "ambiguous_path";
  readonly problem: string;
}
