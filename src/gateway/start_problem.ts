/**
 * What a refused start says, on every runtime.
 *
 * @module
 */
import { AdminTokenError } from "../admin/guard.ts";
import { ConfigError } from "../config/problems.ts";
import { StoreRejectedError } from "../store/port.ts";
import { KeyRingError } from "../tokens/key_ring.ts";

/** One line for each thing that has to be set right; `null`: a fault of ours. */
export function startProblems(error: unknown): readonly string[] | null {
  if (
    error instanceof ConfigError || error instanceof KeyRingError ||
    error instanceof AdminTokenError
  ) return error.problems;
  if (error instanceof StoreRejectedError) return error.message.split("\n");
  return null;
}
