/**
 * What is wrong with a configuration, one line each with the path to it.
 *
 * @module
 */
/** The configuration can not be used. `problems` has one line for each mistake. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "config_invalid";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}
