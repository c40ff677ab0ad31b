/**
 * `identity`, resolved.
 *
 * @module
 */
import { durationMs } from "../../base/duration.ts";
import type { IdentityOptions } from "../../identity/options.ts";
import type { ConfigFile } from "../schema/file.ts";

export function resolveIdentity(identity: ConfigFile["identity"]): IdentityOptions {
  if (identity === undefined) return { kind: "none" };
  if (identity.kind === "demo") return identity;
  const { timeout, maxAnswer, recheck, ...rest } = identity;
  const limits = { timeoutMs: durationMs(timeout), maxBytes: maxAnswer };
  return {
    ...rest,
    ...limits,
    recheck: recheck === undefined
      ? null
      : { ...limits, url: recheck.url, claims: recheck.claims ?? null },
  };
}
