/**
 * Reads the configuration from the environment, and refuses what is wrong or
 * unsafe with one line per mistake: the path to the setting and what to put there.
 *
 * @module
 */
import { describeIssue } from "../base/issues.ts";
import type { Environment, Mode } from "../base/environment.ts";
import { demoConfigFile } from "../demo/config_file.ts";
import type { GatewayConfig } from "./config.ts";
import { portFrom, upstreamFrom } from "./environment.ts";
import { issuerProblems } from "./issuer_problems.ts";
import { duplicateNames } from "./duplicates.ts";
import { ConfigError } from "./problems.ts";
import { danglingReferences } from "./references.ts";
import { resolveConfig } from "./resolve/file.ts";
import { safetyProblems } from "./safety.ts";
import { configSchema } from "./schema/file.ts";
import type { ConfigFile } from "./schema/file.ts";
import { readSecrets } from "./secrets.ts";
import type { Secrets } from "./secrets.ts";

/**
 * Loads and checks the configuration.
 *
 * `POSTERN_CONFIG` is a file name, or the JSON itself when it starts with `{`.
 * Without it `postern.json` is read; in dev mode a missing file means the demo.
 *
 * @throws {ConfigError} naming every mistake.
 */
export async function loadConfig(options: LoadOptions): Promise<GatewayConfig> {
  return await configOf(await readConfigValue(options), options);
}

/**
 * Checks a configuration that was read, and reads the secrets that it points to.
 *
 * @throws {ConfigError} naming every mistake.
 */
export async function configOf(value: unknown, options: LoadOptions): Promise<GatewayConfig> {
  const file = checked(value, options.mode);
  return resolveConfig(file, await readSecrets(file, options));
}

/** Where the configuration comes from. */
export interface LoadOptions {
  readonly env: Environment;
  readonly mode: Mode;
  /** Resolves with the file's text, or `null` when there is no such file. */
  readonly readTextFile: (path: string) => Promise<string | null>;
}

/**
 * The configuration as it is written, not yet checked.
 *
 * @throws {ConfigError} when there is none, or it is not JSON.
 */
export async function readConfigValue(options: LoadOptions): Promise<unknown> {
  const { env, mode } = options;
  const setting = env["POSTERN_CONFIG"]?.trim();
  const source = setting === undefined || setting === "" ? "postern.json" : setting;
  const inline = source.startsWith("{");
  const text = inline ? source : await options.readTextFile(source);
  if (text === null) {
    if (mode === "dev" && (setting === undefined || setting === "")) {
      return demoConfigFile(portFrom(env), upstreamFrom(env));
    }
    throw new ConfigError([
      `POSTERN_CONFIG: there is no file "${source}"; put the path of a postern.json there, or its JSON`,
    ]);
  }
  return parseJson(text, inline ? "POSTERN_CONFIG" : source);
}

/**
 * Reads JSON that somebody wrote.
 *
 * @throws {ConfigError} with the place where it stops being JSON, or names that stand twice.
 */
export function parseJson(text: string, where: string): unknown {
  let value: unknown;
  try {
    // Some editors put a byte order mark in front.
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new ConfigError([`${where}: not valid JSON: ${(error as SyntaxError).message}`]);
  }
  const twice = duplicateNames(text);
  if (twice.length > 0) {
    throw new ConfigError(
      twice.map((path) => `${path}: stands twice, and only the last would count; remove one`),
    );
  }
  return value;
}

/**
 * Checks a configuration that is already a value; `secrets` answers what it points to.
 *
 * @throws {ConfigError} naming every mistake.
 */
export function parseConfig(
  value: unknown,
  mode: Mode,
  secrets: Secrets = () => "",
): GatewayConfig {
  return resolveConfig(checked(value, mode), secrets);
}

function checked(value: unknown, mode: Mode): ConfigFile {
  const parsed = configSchema.safeParse(value, { reportInput: true });
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap(describeIssue));
  const problems = [
    ...danglingReferences(parsed.data),
    ...safetyProblems(parsed.data, mode),
    ...issuerProblems(parsed.data),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return parsed.data;
}
