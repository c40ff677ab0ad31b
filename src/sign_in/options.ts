/**
 * What sign-in is told.
 *
 * @module
 */

/** How many sign-ins may fail before further ones wait. */
export interface ThrottleOptions {
  readonly windowMs: number;
  readonly perUser: number;
  readonly perAddress: number;
}
