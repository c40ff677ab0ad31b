/**
 * Path patterns of the route table, read into the same spelling as requests.
 *
 * @module
 */
import { segmentReadings } from "./readings.ts";
import { canonicalPath, readTarget } from "./target.ts";
import type { PatternPath } from "./tree.ts";

/** A pattern, or what is wrong with it, in one sentence. */
export type ReadPattern = PatternPath | { readonly problem: string };

/**
 * Reads `/exact`, `/prefix/*`, `/users/:id/*` or `/*`. Literals may be written with
 * escapes or without, as in requests.
 */
export function readPattern(pattern: string): ReadPattern {
  if (!pattern.startsWith("/")) return { problem: 'must start with "/"' };
  if (pattern.includes("?") || pattern.includes("#")) {
    return { problem: "must be a path without a query or fragment" };
  }
  const written = pattern.slice(1).split("/");
  const isPrefix = written.at(-1) === "*";
  if (isPrefix) written.pop();
  const segments: (string | null)[] = [];
  for (const [index, segment] of written.entries()) {
    const isLast = !isPrefix && index === written.length - 1;
    if (segment === "" && !isLast) return { problem: "must not hold empty segments" };
    if (segment.includes("*")) {
      return { problem: '"*" may only stand for the rest, as in "/static/*"' };
    }
    if (segment.startsWith(":")) {
      if (!/^:[A-Za-z_][A-Za-z0-9_]*$/.test(segment)) {
        return { problem: `"${segment}" is no parameter name` };
      }
      segments.push(null);
      continue;
    }
    const literal = readLiteral(segment);
    if (typeof literal !== "string") return literal;
    segments.push(literal);
  }
  return { segments, isPrefix };
}

/** What is wrong with a pattern, in one sentence, or `null`. */
export function patternProblem(pattern: string): string | null {
  const read = readPattern(pattern);
  return "problem" in read ? read.problem : null;
}

/** The pattern as requests are read in their other ways: one form for each layer of escapes. */
export function looseForms({ segments, isPrefix }: PatternPath): readonly PatternPath[] {
  // A name for each parameter that folding leaves alone.
  const named = segments.map((segment) => segment ?? "parameter");
  return segmentReadings(named).map((parts) => {
    const form = parts.map((part, index) => segments[index] === null ? null : part);
    while (form.at(-1) === "") form.pop();
    return { segments: form, isPrefix };
  });
}

function readLiteral(segment: string): string | { readonly problem: string } {
  const encoded = encodeNonAscii(segment);
  const canonical = canonicalPath(`/${encoded}`);
  if ("problem" in canonical) return { problem: `can never match: ${canonical.problem}` };
  if (canonical.path.includes(";")) return { problem: 'must not hold ";"' };
  const target = readTarget(`http://host${canonical.path}`);
  if ("problem" in target) return { problem: `can never match: ${target.problem}` };
  if (target.readings?.encodedSlash) {
    return { problem: "can never match: The path holds an encoded slash." };
  }
  return canonical.path.slice(1);
}

function encodeNonAscii(text: string): string {
  return text.toWellFormed().replace(/[^\0-\x7f]+/g, encodeURIComponent);
}
