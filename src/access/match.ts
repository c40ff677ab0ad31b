/**
 * Where a request leads, decided before anybody asks who is calling: limits, a
 * target that can be read in one way, no token in the query, a route.
 *
 * @module
 */
import { isPreflight } from "../browser/cors.ts";
import type { Cors } from "../browser/cors.ts";
import type { Inbound } from "../http/inbound.ts";
import type { Problem } from "../http/problem.ts";
import type { RouteTable } from "../policy/routes.ts";
import type { TokenScanner } from "../tokens/scan.ts";
import type { AccessRule, Destination } from "./rule.ts";

/** Where a request leads. */
export type Place<Route> =
  | { readonly kind: "route"; readonly route: Route }
  /** It asks about another request, whose route has rules for that. */
  | { readonly kind: "preflight"; readonly cors: Cors }
  | { readonly kind: "refused"; readonly problem: Problem };

/** Finds the place of a request. */
export type Match<Route> = (inbound: Inbound) => Place<Route>;

/** Prepares {@link Match}. */
export function createMatch<Route extends AccessRule>(parts: {
  readonly table: RouteTable<Destination<Route>>;
  readonly scanner: TokenScanner;
}): Match<Route> {
  const { table, scanner } = parts;

  function find(method: string, { authority, target }: Inbound) {
    return table.match({ method, authority, target });
  }

  return function match(inbound) {
    const { method, headers, target } = inbound;
    if (scanner.holdsOurs(target.search)) return refused({ code: "token_in_query" });
    if (scanner.holdsOurs(target.path)) {
      const detail = "A token has no place in a path: paths are logged on their way.";
      return refused({ code: "token_in_query", detail });
    }
    if (isPreflight(method, headers)) {
      // It asks about another request: that one's route says whether we answer.
      const asked = find(headers.get("access-control-request-method") ?? "", inbound);
      if (asked.kind === "matched" && asked.value.kind === "route") {
        const { cors } = asked.value.route;
        if (cors !== null) return { kind: "preflight", cors };
      }
    }
    const found = find(method, inbound);
    if (found.kind === "ambiguous") {
      return refused({ code: "ambiguous_path", detail: found.problem });
    }
    if (found.kind === "none" || found.value.kind === "own") return refused({ code: "not_found" });
    return found.value;
  };
}

function refused(problem: Problem): Place<never> {
  return { kind: "refused", problem };
}
