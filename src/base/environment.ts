/**
 * What the configuration is read from, and for.
 *
 * @module
 */

/** The port of the demo, and the default of every server start. */
export const DEFAULT_PORT =
  8787; /** `dev` allows the demo identity, the memory store and starting without a configuration. */
export type Mode = "dev" | "production";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;
