/**
 * `dpop`, resolved.
 *
 * @module
 */
import type { DpopOptions } from "../../binding/options.ts";
import type { ConfigFile } from "../schema/file.ts";

/** DPoP as the binding room takes it; `null`: switched off. */
export function resolveDpop(
  dpop: ConfigFile["dpop"],
  clockToleranceSeconds: number,
): DpopOptions | null {
  if (dpop === undefined) return null;
  return {
    requireNonce: dpop.nonce,
    proofAgeSeconds: 60,
    clockToleranceSeconds,
    replayEntries: 100_000,
  };
}
