/**
 * `verify`, resolved.
 *
 * @module
 */
import type { VerifyOptions } from "../../endpoints/verify/options.ts";
import { ConfigError } from "../problems.ts";
import type { ConfigFile } from "../schema/file.ts";
import type { Secrets } from "../secrets.ts";

/** Of a random secret in base64url or hex these are 128 bits and more. */
const MIN_SECRET = 32;

/**
 * Forward-auth as the endpoints take it; `null`: switched off.
 *
 * @throws {ConfigError} when the secret is too short to be one.
 */
export function resolveVerify(
  verify: ConfigFile["verify"],
  secrets: Secrets,
): VerifyOptions | null {
  if (verify === undefined) return null;
  const secret = verify.secret === undefined ? null : secrets(verify.secret);
  if (secret !== null && secret.length < MIN_SECRET) {
    throw new ConfigError([
      `verify.secret: has ${secret.length} characters and needs at least ${MIN_SECRET}; \`openssl rand -hex 32\` prints one`,
    ]);
  }
  return { trustedProxies: verify.trustedProxies, secret };
}
