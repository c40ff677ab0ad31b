/**
 * Routes that no request can reach, because an earlier one takes all of theirs.
 *
 * @module
 */
import { readPattern } from "./pattern.ts";
import type { PatternPath } from "./tree.ts";

/** What of a route says which requests it takes. */
export interface RouteShape {
  readonly path: string;
  readonly host?: string;
  readonly methods?: readonly string[];
}

/** The earlier route that takes everything of a later one; numbers in the list. */
export interface Shadow {
  readonly index: number;
  readonly by: number;
}

/** Finds the routes that are never reached. Patterns that can not be read are left out. */
export function findShadows(routes: readonly RouteShape[]): readonly Shadow[] {
  const patterns = routes.map(({ path }) => {
    const pattern = readPattern(path);
    return "problem" in pattern ? null : pattern;
  });
  return routes.flatMap((route, index) => {
    const by = routes.findIndex((earlier, at) =>
      at < index && coversPath(patterns[at] ?? null, patterns[index] ?? null) &&
      coversHost(earlier.host, route.host) && coversMethods(earlier.methods, route.methods)
    );
    return by < 0 ? [] : [{ index, by }];
  });
}

function coversPath(one: PatternPath | null, other: PatternPath | null): boolean {
  if (one === null || other === null) return false;
  const lengthFits = one.isPrefix
    ? one.segments.length <= other.segments.length
    : !other.isPrefix && one.segments.length === other.segments.length;
  return lengthFits && one.segments.every((segment, at) => {
    const theirs = other.segments[at];
    // A parameter takes every segment but an empty one.
    return segment === null ? theirs !== "" : segment === theirs;
  });
}

function coversHost(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined) return true;
  if (other === undefined) return false;
  const [mine, theirs] = [one.toLowerCase(), other.toLowerCase()];
  return mine === theirs ||
    (mine.startsWith("*.") && theirs.replace(/^\*/, "").endsWith(mine.slice(1)));
}

function coversMethods(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): boolean {
  if (one === undefined) return true;
  if (other === undefined) return false;
  const mine = new Set(one);
  if (mine.has("GET")) mine.add("HEAD");
  return other.every((method) => mine.has(method));
}
