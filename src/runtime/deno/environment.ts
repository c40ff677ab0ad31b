/**
 * The environment, with secrets that stand in files: what `NAME_FILE` names is read into `NAME`, as
 * container platforms and systemd hand secrets over. Everything that is read is remembered, so that
 * a change of it can be noticed.
 *
 * @module
 */
import type { Environment } from "../../base/environment.ts";
import { ConfigError } from "../../config/problems.ts";

/** Secrets that may stand in a file. */
export const SECRETS = [
  "POSTERN_KEYS",
  "POSTERN_LEGACY_KEY",
  "POSTERN_ADMIN_TOKEN",
  "UPSTASH_REDIS_REST_TOKEN",
  "REDIS_URL",
  "REDIS_SENTINEL_PASSWORD",
] as const;

/** Reads files and keeps their names. */
export interface Files {
  /** The text of a file, or `null` when there is none of that name. */
  read(path: string): Promise<string | null>;
  /** Every path that was asked for, and what stood there. */
  readonly seen: ReadonlyMap<string, string | null>;
}

/** Starts with nothing read. */
export function createFiles(): Files {
  const seen = new Map<string, string | null>();
  return {
    seen,
    async read(path) {
      seen.set(path, null);
      try {
        const text = await Deno.readTextFile(path);
        seen.set(path, text);
        return text;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return null;
        throw new ConfigError([`${path}: can not be read: ${(error as Error).message}`]);
      }
    },
  };
}

/**
 * The environment of the process with every `NAME_FILE` resolved.
 *
 * @throws {ConfigError} when a file is not there, or a secret is given in both ways.
 */
export async function readEnvironment(files: Files): Promise<Environment> {
  const env: Record<string, string> = Deno.env.toObject();
  const problems: string[] = [];
  for (const name of SECRETS) {
    const path = env[`${name}_FILE`];
    if (path === undefined || path === "") continue;
    if (env[name]) problems.push(`${name}_FILE: ${name} is set too; remove one of them`);
    const text = await files.read(path);
    if (text === null) problems.push(`${name}_FILE: there is no file "${path}"`);
    else env[name] = text.trim();
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return env;
}
