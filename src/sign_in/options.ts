/**
 * What sign-in is told.
 *
 * @module
 */

/** How many sign-ins may fail before further ones wait. */
export interface ThrottleOptions {
  readonly windowMs: number;
  /** How long an attempt keeps its place when nobody says how it ended: longer than any answer. */
  readonly holdMs: number;
  /** By one address for one name. */
  readonly perUser: number;
  /** By one address for all names. */
  readonly perAddress: number;
}
