/**
 * Folders of paths that are open to everybody, whatever lies in them.
 *
 * @module
 */
import { readPattern } from "./pattern.ts";
import type { PatternPath } from "./tree.ts";

/** What of a route is looked at. */
export interface OpenRouteShape {
  readonly path: string;
  readonly host?: string;
  readonly methods?: readonly string[];
  /** Nobody is asked for who they are. */
  readonly isOpen: boolean;
}

/**
 * The paths, without a slash at the end, under which every request is open: `/static` for
 * the route `/static/*` with no guarded route in it before. Routes in their order; those of
 * some hosts or methods only are guarded elsewhere, so they open nothing here.
 */
export function openPrefixes(routes: readonly OpenRouteShape[]): readonly string[] {
  const patterns = routes.map(({ path }) => readPattern(path));
  return routes.flatMap(({ isOpen, host, methods }, index) => {
    const pattern = patterns[index];
    const isWhole = isOpen && host === undefined && methods === undefined;
    if (!isWhole || pattern === undefined || "problem" in pattern) return [];
    const { segments, isPrefix } = pattern;
    if (!isPrefix || segments.length === 0 || segments.includes(null)) return [];
    const isBroken = patterns.slice(0, index).some((earlier, at) =>
      routes[at]?.isOpen === false && !("problem" in earlier) && mayMatchIn(earlier, segments)
    );
    return isBroken ? [] : [`/${segments.join("/")}`];
  });
}

/** Whether a pattern matches anything in a folder. */
function mayMatchIn(
  { segments, isPrefix }: PatternPath,
  folder: readonly (string | null)[],
): boolean {
  if (segments.length < folder.length && !isPrefix) return false;
  return folder.every((segment, at) => {
    const theirs = segments[at];
    return theirs === undefined || theirs === null || theirs === segment;
  });
}
