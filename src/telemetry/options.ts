/**
 * How the log looks.
 *
 * @module
 */

/** `ecs`: Elastic Common Schema; `ocsf`: Open Cybersecurity Schema Framework. */
export type LogFormat = "text" | "json" | "ecs" | "ocsf";

/** Settings of the log. */
export interface LogOptions {
  /** `null`: text in development, JSON in production. */
  readonly format: LogFormat | null;
  /** Also a line for each request that is passed on. */
  readonly access: boolean;
  /** Each line holds the digest of the one before it, so that none can be taken out unseen. */
  readonly chain: boolean;
}
