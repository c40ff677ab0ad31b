/**
 * How scripts get to a Redis.
 *
 * @module
 */
import type { Script } from "./scripts.ts";

/** Brings scripts to one Redis. */
export interface ScriptRunner {
  /**
   * Runs a script on the primary, again where the answer did not come. Throws
   * `StoreUnavailableError`, or `StoreRejectedError` for what will never do.
   */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Sends one command, once; throws as {@link ScriptRunner.run}. */
  command(name: string, ...args: readonly string[]): Promise<unknown>;
  /**
   * Calls back when something was published on a channel, and whenever it may
   * have missed something; until it is closed.
   */
  listen(channel: string, onNews: () => void): void;
  close(): void;
}

/** Runs a script while the store is open. */
export type RunScript = ScriptRunner["run"];
