/**
 * The time, as a port, so that a test moves the clock instead of sleeping.
 *
 * @module
 */

/** Returns the current time in milliseconds since the Unix epoch. */
export type Clock = () => number;

/** The machine's own clock. */
export const systemClock: Clock = () => Date.now();
