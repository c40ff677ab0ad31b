/**
 * What is wrong with a configuration, one line each with the path to it.
 *
 * @module
 */
import type { z } from "zod";

/** The configuration can not be used. `problems` has one line for each mistake. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "config_invalid";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** One line per mistake: path, what is wrong, what to do. */
export function describeIssue(issue: z.core.$ZodIssue): string[] {
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
