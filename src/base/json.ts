/**
 * Plain JSON, and the claims that a session carries.
 *
 * @module
 */

/** A JSON value, as it can stand in a claim. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Claims of a subject that are put into its tokens (`scope` and mapped ones). */
export type SubjectClaims = { readonly [name: string]: JsonValue };
