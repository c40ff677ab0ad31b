/**
 * The route table: first match wins, and a path that another reading would
 * send to a differently protected route is ambiguous.
 *
 * @module
 */
import { compileHost, hostOf } from "./authority.ts";
import { looseForms, readPattern } from "./pattern.ts";
import type { RequestLine } from "./request_line.ts";
import type { Target } from "./target.ts";
import { createPatternTree } from "./tree.ts";
import type { PatternPath, PatternTree } from "./tree.ts";

/** One line of the table. */
export interface RoutePattern<T> {
  /** `/exact`, `/prefix/*` (which also matches `/prefix`), `/users/:id/*`, or `/*`. */
  readonly path: string;
  /** `api.example.com` or `*.example.com`. */
  readonly host?: string;
  readonly methods?: readonly string[];
  /** Says what protection the route gives: equal keys, equal protection. */
  readonly policyKey: string;
  /**
   * The backend of a route that asks nothing of anybody: a file beside a folder that is
   * open (`/docs.css`, `/docs/*`) is no way around the rules of its own route.
   */
  readonly opens?: string;
  /** The backend that is reached. */
  readonly reaches?: string;
  /** `"keep"` lets `%2F` through; else it is refused. */
  readonly encodedSlash?: "refuse" | "keep";
  readonly value: T;
}

/** What a request leads to. */
export type RouteMatch<T> =
  | { readonly kind: "matched"; readonly value: T; readonly index: number }
  | { readonly kind: "none" }
  /** `problem` is for the person who sent the request. */
  | { readonly kind: "ambiguous"; readonly problem: string };

/** A compiled table. */
export interface RouteTable<T> {
  match(request: RequestLine): RouteMatch<T>;
}

/**
 * Compiles a table.
 *
 * Beside the tree of the patterns as they are there is one of the patterns as the
 * loosest backend would read them. A request is looked up in the first, and each of
 * its readings in the second: whatever route stands there before the one that was
 * found, or in its place, must protect in the same way.
 *
 * @throws {TypeError} when a pattern is none; the configuration has checked them.
 */
export function compileRoutes<T>(routes: readonly RoutePattern<T>[]): RouteTable<T> {
  const tree = createPatternTree();
  const looseTree = createPatternTree();
  let hasLoosePatterns = false;
  routes.forEach((route, index) => {
    const pattern = readPattern(route.path);
    if ("problem" in pattern) throw new TypeError(`${route.path}: ${pattern.problem}`);
    tree.add(pattern, index);
    const forms = looseForms(pattern);
    for (const form of forms) looseTree.add(form, index);
    hasLoosePatterns ||= forms.some((form) => !isSame(form, pattern));
  });
  const guards = routes.map(({ host, methods }) => {
    const methodSet = methods === undefined ? null : new Set(methods);
    if (methodSet?.has("GET")) methodSet.add("HEAD");
    const isHost = host === undefined ? null : compileHost(host);
    return isHost === null && methodSet === null ? null : { isHost, methodSet };
  });
  const policies = routes.map((route) => route.policyKey);

  function passes(index: number, host: string, method: string): boolean {
    const guard = guards[index] ?? null;
    return guard === null ||
      ((guard.methodSet?.has(method) ?? true) && (guard.isHost?.(host) ?? true));
  }

  /** The first route of a path; `Infinity`: none. */
  function first(from: PatternTree, path: string, host: string, method: string): number {
    let best = Infinity;
    from.walk(path, (indexes) => {
      for (const index of indexes) {
        if (index >= best) return;
        if (passes(index, host, method)) best = index;
      }
    });
    return best;
  }

  /** Whether no route before `limit` protects this reading in another way; `harmless`: those that may. */
  function agreesBefore(
    limit: number,
    reading: string,
    { host, method, policy }: { host: string; method: string; policy: string | undefined },
    harmless: (index: number) => boolean = () => false,
  ): boolean {
    let agrees = true;
    looseTree.walk(reading, (indexes) => {
      for (const index of indexes) {
        if (!agrees || index >= limit) return;
        if (policies[index] === policy || !passes(index, host, method)) continue;
        if (!harmless(index)) agrees = false;
      }
    });
    return agrees;
  }

  /** The reading that would lead elsewhere, or `null`. */
  function disagreement({ path, readings }: Target, host: string, method: string, found: number) {
    if (readings === null && !hasLoosePatterns) return null;
    const request = { host, method, policy: policies[found] };
    for (const reading of readings?.whole ?? [path]) {
      const place = reading === "/" ? "" : reading;
      if (!agreesBefore(found, place, request)) return reading;
      // The route that was found may not be there in this reading.
      const other = first(looseTree, place, host, method);
      if (other > found && policies[other] !== request.policy) return reading;
    }
    // A route for the path with its suffix was meant for it, so only earlier ones count.
    const reaches = routes[found]?.reaches;
    const isOpen = (index: number) => reaches !== undefined && routes[index]?.opens === reaches;
    for (const reading of readings?.suffixless ?? []) {
      if (!agreesBefore(found, reading, request, isOpen)) return reading;
    }
    return null;
  }

  return {
    match({ method, authority, target }) {
      const host = hostOf(authority);
      const index = first(tree, target.path, host, method);
      const found = routes[index];
      const reading = disagreement(target, host, method, index);
      if (reading !== null) {
        return {
          kind: "ambiguous",
          problem: `The path can also be read as "${reading}", for which other rules hold.`,
        };
      }
      if (target.readings?.encodedSlash && found?.encodedSlash !== "keep") {
        return { kind: "ambiguous", problem: "The path holds an encoded slash." };
      }
      return found === undefined
        ? { kind: "none" }
        : { kind: "matched", value: found.value, index };
    },
  };
}

function isSame(form: PatternPath, pattern: PatternPath): boolean {
  return form.segments.length === pattern.segments.length &&
    form.segments.every((segment, index) => segment === pattern.segments[index]);
}
