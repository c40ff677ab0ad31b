/**
 * `tokens`, resolved.
 *
 * @module
 */
import type { LegacyConfig } from "../../tokens/legacy.ts";
import type { ConfigFile } from "../schema/file.ts";

export function resolveLegacy(legacy: ConfigFile["tokens"]["legacy"]): LegacyConfig | null {
  if (legacy === undefined) return null;
  const { issuer, audience, verifyUrl, ...rest } = legacy;
  return {
    ...rest,
    issuer: issuer ?? null,
    audience: audience ?? null,
    verifyUrl: verifyUrl ?? null,
  };
}
