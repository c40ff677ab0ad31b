/**
 * Headers that a route sets or removes, compiled.
 *
 * @module
 */
import { foldHeaderName } from "../http/header_names.ts";

/** Compiled rules; names in lower case. */
export interface HeaderRules {
  /** Names that must not stay, those that are set anew among them; folded. */
  readonly removed: ReadonlySet<string>;
  readonly set: readonly (readonly [string, string])[];
}

/** Compiles rules; `null` when there are none. */
export function compileHeaderRules(
  rules:
    | { readonly set: Readonly<Record<string, string>>; readonly remove: readonly string[] }
    | undefined,
): HeaderRules | null {
  if (rules === undefined) return null;
  const set = Object.entries(rules.set).map(([name, value]): [string, string] => [
    name.toLowerCase(),
    value,
  ]);
  const removed = new Set([
    ...rules.remove.map(foldHeaderName),
    ...set.map(([name]) => foldHeaderName(name)),
  ]);
  return { removed, set };
}

/** Applies rules to the headers of a request; a new list. Nobody forges what is set by another spelling. */
export function applyToPairs(
  { removed, set }: HeaderRules,
  pairs: readonly (readonly [string, string])[],
): (readonly [string, string])[] {
  const kept = pairs.filter(([name]) => !removed.has(foldHeaderName(name)));
  return [...kept, ...set];
}

/** Applies rules to the headers of an answer, in place. */
export function applyToHeaders({ removed, set }: HeaderRules, headers: Headers): void {
  for (const name of [...headers.keys()]) {
    if (removed.has(foldHeaderName(name))) headers.delete(name);
  }
  for (const [name, value] of set) headers.set(name, value);
}
