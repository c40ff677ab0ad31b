/**
 * What zod says of a value that is not what it has to be, in words for the person who wrote it.
 *
 * @module
 */
import type * as z from "zod/mini";

/** One line per mistake: path, what is wrong, what to do. */
export function describeIssue(issue: z.core.$ZodIssue): string[] {
  const path = pathText(issue.path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => `${pathText([...issue.path, key])}: unknown setting`);
    case "invalid_type":
      return [
        issue.input === undefined
          ? `${path}: is required (${wordFor(issue.expected)})`
          : `${path}: must be ${article(wordFor(issue.expected))}`,
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
      if (known.length > 0) return [`${path}: must be ${known.join(" or ")}`];
      return issue.message === "Invalid input"
        ? describeUnion(issue)
        : [`${path}: ${issue.message}`];
    }
    case "too_small":
    case "too_big":
      return [`${path}: ${sizeProblem(issue) ?? issue.message}`];
    default:
      return [`${path}: ${issue.message}`];
  }
}

/** Of the forms that a value may have, what is wrong with the one that was meant; else all of them. */
function describeUnion(issue: z.core.$ZodIssueInvalidUnion): string[] {
  const isOther = ({ path, code }: z.core.$ZodIssue) =>
    path.length === 0 && (code === "invalid_type" || code === "invalid_value");
  const meant = issue.errors.find((problems) => !problems.some(isOther));
  if (meant !== undefined) {
    return meant.flatMap((each) => describeIssue({ ...each, path: [...issue.path, ...each.path] }));
  }
  const forms = issue.errors.flat().flatMap((each) =>
    each.code === "invalid_type"
      ? [article(wordFor(each.expected))]
      : each.code === "invalid_value"
      ? each.values.map((value) => JSON.stringify(value))
      : []
  );
  return [`${pathText(issue.path)}: must be ${[...new Set(forms)].join(" or ")}`];
}

/** `null` where the schema has words of its own. */
function sizeProblem(
  issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig,
): string | null {
  if (!/^Too (?:small|big):/.test(issue.message)) return null;
  const [word, bound] = issue.code === "too_small"
    ? ["least", issue.minimum]
    : ["most", issue.maximum];
  switch (issue.origin) {
    case "array":
    case "set":
    case "map":
      return bound === 1 && word === "least"
        ? "must not be empty"
        : `must have at ${word} ${bound} entries`;
    case "string":
      return bound === 1 && word === "least"
        ? "must not be empty"
        : `must have at ${word} ${bound} characters`;
    default:
      return `must be at ${word} ${bound}`;
  }
}

/** What JSON calls it. */
function wordFor(type: string): string {
  if (type === "record") return "object";
  return type === "int" ? "whole number" : type;
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
