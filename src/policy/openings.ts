/**
 * Ways around a guarded route through an open one that rewrites: `/public/*` with
 * `stripPrefix: "/public"` leads to all of its upstream, `/admin` included.
 *
 * @module
 */
import { compileRoutes } from "./routes.ts";
import { createRewrite } from "./rewrite.ts";
import type { RouteShape } from "./shadows.ts";
import { readTarget } from "./target.ts";

/** What of a route says what it opens, and to whom. */
export interface OpeningShape extends RouteShape {
  readonly upstream: string;
  readonly open: boolean;
  readonly rewrite?: { readonly stripPrefix?: string; readonly addPrefix?: string };
}

/** A path by which an open route reaches what another one guards; numbers in the list. */
export interface Opening {
  readonly index: number;
  readonly guard: number;
  /** As a client would ask for it. */
  readonly path: string;
  /** As the upstream sees it. */
  readonly reaches: string;
}

/** Finds them, by one path of each guarded route. Patterns have been checked. */
export function findOpenings(routes: readonly OpeningShape[]): readonly Opening[] {
  const table = compileRoutes(routes.map(({ path, host, methods }, value) => ({
    path,
    policyKey: String(value),
    value,
    ...(host === undefined ? {} : { host }),
    ...(methods === undefined ? {} : { methods }),
  })));

  /** The route that takes a request as an open route's host would be asked for it. */
  function taker(path: string, method: string, host: string): number | null {
    const target = readTarget(`http://host${path}`);
    if ("problem" in target) return null;
    const found = table.match({ method, authority: host, target });
    return found.kind === "matched" ? found.value : null;
  }

  const openings: Opening[] = [];
  routes.forEach((guarded, guard) => {
    if (guarded.open) return;
    const reaches = createRewrite(guarded.rewrite ?? {})(someOf(guarded.path));
    if (reaches === null) return;
    routes.forEach((route, index) => {
      if (!route.open || route.upstream !== guarded.upstream || route.rewrite === undefined) return;
      const { stripPrefix = "", addPrefix = "" } = route.rewrite;
      const rest = reaches.slice(addPrefix.length);
      if (!reaches.startsWith(addPrefix) || (rest !== "" && !rest.startsWith("/"))) return;
      const path = stripPrefix + rest;
      const host = (route.host ?? "host").replace(/^\*/, "any");
      const method = guarded.methods?.[0] ?? route.methods?.[0] ?? "GET";
      if (taker(path, method, host) === index) openings.push({ index, guard, path, reaches });
    });
  });
  return openings;
}

/** A path that a pattern matches. */
function someOf(pattern: string): string {
  return pattern.replace(/\/\*$/, "/x").replace(/:[A-Za-z_][A-Za-z0-9_]*/g, "x");
}
