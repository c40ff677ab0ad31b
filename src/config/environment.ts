/**
 * What the configuration is read from, and for.
 *
 * @module
 */

/** `dev` allows the demo identity, the memory store and starting without a configuration. */
export type Mode = "dev" | "production";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;
