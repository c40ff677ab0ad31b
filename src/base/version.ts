/**
 * Which Postern this is: said by `--version`, the metric `postern_build_info` and the admin API,
 * never by an answer to a client.
 *
 * @module
 */

/** Semantic version (https://semver.org). */
export const VERSION = "0.2.0";
