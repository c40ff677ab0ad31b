/**
 * Reads the configuration from the environment, and refuses what is wrong or
 * unsafe with one line per mistake: the path to the setting and what to put there.
 *
 * @module
 */
import type { z } from "zod";
import type { Environment, Mode } from "../base/environment.ts";
import { demoConfigFile } from "../demo/config_file.ts";
import { foldHeaderName } from "../http/header_names.ts";
import { resolveConfig } from "./config.ts";
import type { GatewayConfig } from "./config.ts";
import { safetyProblems } from "./safety.ts";
import { configSchema } from "./schema.ts";
import type { ConfigFile } from "./schema.ts";

/** The configuration can not be used. `problems` has one line for each mistake. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "config_invalid";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/**
 * Loads and checks the configuration.
 *
 * `POSTERN_CONFIG` is a file name, or the JSON itself when it starts with `{`.
 * Without it `postern.json` is read; in dev mode a missing file means the demo.
 *
 * @throws {ConfigError} naming every mistake.
 */
export async function loadConfig(options: {
  readonly env: Environment;
  readonly mode: Mode;
  /** Resolves with the file's text, or `null` when there is no such file. */
  readonly readTextFile: (path: string) => Promise<string | null>;
}): Promise<GatewayConfig> {
  const { env, mode } = options;
  const setting = env["POSTERN_CONFIG"]?.trim();
  const source = setting === undefined || setting === "" ? "postern.json" : setting;
  const inline = source.startsWith("{");
  const text = inline ? source : await options.readTextFile(source);
  if (text === null) {
    if (mode === "dev" && (setting === undefined || setting === "")) {
      return parseConfig(demoConfigFile(env), mode);
    }
    throw new ConfigError([
      `POSTERN_CONFIG: there is no file "${source}"; put the path of a postern.json there, or its JSON`,
    ]);
  }
  const where = inline ? "POSTERN_CONFIG" : source;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError([`${where}: not valid JSON: ${(error as SyntaxError).message}`]);
  }
  return parseConfig(value, mode);
}

/**
 * Checks a configuration that is already a value.
 *
 * @throws {ConfigError} naming every mistake.
 */
export function parseConfig(value: unknown, mode: Mode): GatewayConfig {
  const parsed = configSchema.safeParse(value, { reportInput: true });
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap(describeIssue));
  const problems = [...danglingReferences(parsed.data), ...safetyProblems(parsed.data, mode)];
  if (problems.length > 0) throw new ConfigError(problems);
  return resolveConfig(parsed.data);
}

function danglingReferences(file: ConfigFile): string[] {
  const known = Object.keys(file.upstreams);
  const problems: string[] = [];
  file.routes.forEach((route, index) => {
    if (!Object.hasOwn(file.upstreams, route.upstream)) {
      problems.push(
        `routes[${index}].upstream: there is no upstream "${route.upstream}"; known: ${
          known.join(", ") || "none"
        }`,
      );
    }
    if (route.auth === "none") {
      for (const key of ["require", "revocation", "refresh"] as const) {
        const value = route[key];
        if (value !== undefined && value !== "view" && value !== "none") {
          problems.push(
            `routes[${index}].${key}: has no meaning on a route with auth "none"; remove one of them`,
          );
        }
      }
    }
  });
  const identityNames = new Set(
    Object.values(file.upstreams).flatMap((upstream) => Object.keys(upstream.headers))
      .map(foldHeaderName),
  );
  file.routes.forEach((route, index) => {
    for (const name of Object.keys(route.requestHeaders?.set ?? {})) {
      if (identityNames.has(foldHeaderName(name))) {
        problems.push(
          `routes[${index}].requestHeaders.set.${name}: carries identity (upstreams.*.headers), which only Postern writes`,
        );
      }
    }
  });
  if (file.paths.auth === file.paths.token) {
    problems.push('paths.token: must differ from paths.auth; the default is "/api/token"');
  }
  return problems;
}

/** One line per mistake: path, what is wrong, what to do. */
function describeIssue(issue: z.core.$ZodIssue): string[] {
  const path = pathText(issue.path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => `${pathText([...issue.path, key])}: unknown setting`);
    case "invalid_type":
      return [
        issue.input === undefined
          ? `${path}: is required (${issue.expected})`
          : `${path}: must be ${article(issue.expected)}`,
      ];
    case "invalid_key":
      return [`${path}: ${issue.issues[0]?.message ?? issue.message}`];
    case "invalid_value":
      return [
        `${path}: must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`,
      ];
    case "invalid_union": {
      // Of a union told apart by one member, zod says what that member may be.
      const known = [...issue.message.matchAll(/'([^']+)'/g)].map(([, name]) => `"${name}"`);
      if (issue.input === undefined) return [`${path}: is required`];
      return [`${path}: ${known.length > 0 ? `must be ${known.join(" or ")}` : issue.message}`];
    }
    default:
      return [`${path}: ${issue.message}`];
  }
}

function article(type: string): string {
  return `${/^[aeiou]/.test(type) ? "an" : "a"} ${type}`;
}

function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? String(part) : `.${String(part)}`;
  }
  return text === "" ? "configuration" : text;
}
