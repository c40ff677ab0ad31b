/**
 * Settings of the environment that the configuration is made with.
 *
 * @module
 */
import { DEFAULT_PORT } from "../base/environment.ts";
import type { Environment } from "../base/environment.ts";
import { ConfigError } from "./problems.ts";
import { upstreamTarget } from "./schema/upstream.ts";

/**
 * The public port.
 *
 * @throws {ConfigError} when `POSTERN_PORT` is none.
 */
export function portFrom(env: Environment): number {
  const text = env["POSTERN_PORT"] || String(DEFAULT_PORT);
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new ConfigError([
      `POSTERN_PORT: "${text}" is not a port number; put one from 1 to 65535 there`,
    ]);
  }
  return port;
}

/**
 * The backend that `POSTERN_UPSTREAM` names; `null`: none.
 *
 * @throws {ConfigError} when it can not be one.
 */
export function upstreamFrom(env: Environment): string | null {
  const text = env["POSTERN_UPSTREAM"];
  if (text === undefined || text === "") return null;
  const read = upstreamTarget.safeParse(text);
  if (read.success) return text;
  throw new ConfigError(read.error.issues.map(({ message }) => `POSTERN_UPSTREAM: ${message}`));
}
