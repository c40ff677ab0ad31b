/**
 * Where a request leads, decided before anybody asks who is calling: a host that
 * is ours, no token in the request line, a route.
 *
 * @module
 */
import { isPreflight } from "../browser/cors.ts";
import type { Cors } from "../browser/cors.ts";
import type { Inbound } from "../http/inbound.ts";
import type { Problem } from "../http/problem.ts";
import type { RouteTable } from "../policy/routes.ts";
import { holdsCsrfShaped } from "../tokens/scan.ts";
import type { TokenScanner } from "../tokens/scan.ts";
import type { AccessRule, Destination } from "./rule.ts";

/** Where a request leads. */
export type Place<Route> =
  | { readonly kind: "route"; readonly route: Route }
  /** One of Postern's own paths. */
  | { readonly kind: "own" }
  /** It asks about another request, whose route has rules for that. */
  | { readonly kind: "preflight"; readonly cors: Cors }
  | { readonly kind: "refused"; readonly problem: Problem };

/** Finds the place of a request. */
export type Match<Route> = (inbound: Inbound) => Place<Route>;

/** Prepares {@link Match}. */
export function createMatch<Route extends AccessRule>(parts: {
  readonly table: RouteTable<Destination<Route>>;
  readonly scanner: TokenScanner;
  readonly isKnownHost: (authority: string) => boolean;
  /**
   * Paths that answer whoever asks, by whatever name: probes ask by address, backends
   * and proxies by internal names.
   */
  readonly isAnyHostPath: (path: string) => boolean;
}): Match<Route> {
  const { table, scanner, isKnownHost, isAnyHostPath } = parts;

  function find(method: string, { authority, target }: Inbound) {
    return table.match({ method, authority, target });
  }

  return function match(inbound) {
    const { method, headers, target, authority } = inbound;
    if (!isKnownHost(authority) && !isAnyHostPath(target.path)) {
      const detail = `Nothing is served under the name "${authority}" here. Known are the ` +
        "hosts of `origin` and `origins`, and those of routes.";
      return refused({ code: "misdirected_request", detail });
    }
    const found = find(method, inbound);
    if (found.kind === "matched" && found.value.kind === "own") return found.value;
    if (scanner.holdsOurs(target.search) || holdsCsrfShaped(target.search)) {
      return refused({ code: "token_in_query" });
    }
    if (scanner.holdsOurs(target.path) || holdsCsrfShaped(target.path)) {
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
    switch (found.kind) {
      case "matched":
        return found.value;
      case "ambiguous":
        return refused({ code: "ambiguous_path", detail: found.problem });
      case "none":
        return refused({ code: "not_found" });
    }
  };
}

function refused(problem: Problem): Place<never> {
  return { kind: "refused", problem };
}
