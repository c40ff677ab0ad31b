/**
 * Proofs that are good once for all instances.
 *
 * @module
 */

/** Remembers a key in a place that all instances share, until `untilMs`; `false` when it was there before. */
export type Once = (key: string, untilMs: number) => Promise<boolean>;
