/**
 * `dpop` and `deviceBinding`, resolved.
 *
 * @module
 */
import { durationMs } from "../../base/duration.ts";
import type { DeviceBindingOptions, DpopOptions } from "../../binding/options.ts";
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

/** How long a session may be without a key, where each has to have one. */
const GRACE_MS = 60_000;

/** Device-bound sessions as the binding room takes them; `null`: switched off. */
export function resolveDeviceBinding(
  given: ConfigFile["deviceBinding"],
): DeviceBindingOptions | null {
  switch (given) {
    case "off":
      return null;
    case "offer":
      return { requiredAfterMs: null };
    case "require":
      return { requiredAfterMs: GRACE_MS };
    default:
      return { requiredAfterMs: durationMs(given.grace) };
  }
}
