/**
 * The route table: first match wins, and a path that another reading would
 * send to a differently protected route is ambiguous.
 *
 * @module
 */
import { loosenings, parseTarget } from "./path.ts";

/** One line of the table. */
export interface RoutePattern<T> {
  /** `/exact`, `/prefix/*` (which also matches `/prefix`), `/users/:id/*`, or `/*`. */
  readonly path: string;
  /** `api.example.com` or `*.example.com`. */
  readonly host?: string;
  readonly methods?: readonly string[];
  /** Says what protection the route gives: equal keys, equal protection. */
  readonly policyKey: string;
  readonly value: T;
}

/** What a request leads to. */
export type RouteMatch<T> =
  | { readonly kind: "matched"; readonly value: T; readonly index: number }
  | { readonly kind: "none" }
  | { readonly kind: "ambiguous" };

/** A compiled table. */
export interface RouteTable<T> {
  match(
    request: { readonly path: string; readonly host: string; readonly method: string },
  ): RouteMatch<T>;
}

/** What is wrong with a pattern, in one sentence, or `null`. */
export function patternProblem(pattern: string): string | null {
  if (!pattern.startsWith("/")) return 'must start with "/"';
  if (/[?#]/.test(pattern)) return "must be a path without a query or fragment";
  const segments = pattern.slice(1).split("/");
  for (const [index, segment] of segments.entries()) {
    if (segment === "*" && index === segments.length - 1) continue;
    if (segment.includes("*")) return '"*" may only stand for the rest, as in "/static/*"';
    if (segment === "" && pattern !== "/" && index < segments.length - 1) {
      return "must not hold empty segments";
    }
    if (segment.startsWith(":")) {
      if (!/^:[A-Za-z_][A-Za-z0-9_]*$/.test(segment)) return `"${segment}" is no parameter name`;
    } else if (segment.includes(";")) {
      return 'must not hold ";"';
    }
  }
  const literal = pattern.replace(/\*$/, "");
  const target = parseTarget(`http://host${literal}`);
  if ("problem" in target) return `can never match: ${target.problem}`;
  if (target.path !== literal) return `must be written as "${target.path}"`;
  return null;
}

interface Node {
  readonly children: Map<string, Node>;
  parameter: Node | null;
  /** Indexes of the patterns that end here, in order. */
  readonly exact: number[];
  /** Indexes of the patterns that cover everything below, and this itself. */
  readonly prefix: number[];
}

function createNode(): Node {
  return { children: new Map(), parameter: null, exact: [], prefix: [] };
}

/** Compiles a table; each request costs one walk down a tree of segments, however many routes. */
export function compileRoutes<T>(routes: readonly RoutePattern<T>[]): RouteTable<T> {
  const literalTree = createNode();
  const lowerTree = createNode();
  routes.forEach((route, index) => {
    insert(literalTree, route.path, index);
    // Literals only: the name of a parameter is ours.
    insert(lowerTree, route.path.toLowerCase(), index);
  });
  const guards = routes.map(({ host, methods }) => {
    const methodSet = methods === undefined ? null : new Set(methods);
    if (methodSet?.has("GET")) methodSet.add("HEAD");
    const hostName = host?.toLowerCase() ?? null;
    return hostName === null && methodSet === null ? null : { hostName, methodSet };
  });

  function find(tree: Node, path: string, host: string, method: string): number {
    let best = Infinity;
    const consider = (indexes: readonly number[]) => {
      for (const index of indexes) {
        if (index >= best) return;
        const guard = guards[index] ?? null;
        if (guard === null || passes(guard, host, method)) {
          best = index;
          return;
        }
      }
    };
    const walk = (node: Node, from: number): void => {
      consider(node.prefix);
      if (from >= path.length) {
        consider(node.exact);
        return;
      }
      const slash = path.indexOf("/", from + 1);
      const end = slash < 0 ? path.length : slash;
      const segment = path.slice(from + 1, end);
      const child = node.children.get(segment);
      if (child !== undefined) walk(child, end);
      if (node.parameter !== null && segment !== "") walk(node.parameter, end);
    };
    walk(tree, 0);
    return best;
  }

  return {
    match({ path, host, method }) {
      const index = find(literalTree, path, host, method);
      const found = routes[index];
      for (const reading of loosenings(path)) {
        // Each reading is tried as written and against lower-cased patterns.
        const tree = reading === reading.toLowerCase() ? lowerTree : literalTree;
        const other = routes[find(tree, reading, host, method)];
        if (other?.policyKey !== found?.policyKey) return { kind: "ambiguous" };
      }
      return found === undefined ? { kind: "none" } : {
        kind: "matched",
        value: found.value,
        index,
      };
    },
  };
}

function insert(tree: Node, pattern: string, index: number): void {
  const prefix = pattern.endsWith("/*");
  const path = prefix ? pattern.slice(0, -2) : pattern;
  let node = tree;
  for (const segment of path === "" ? [] : path.slice(1).split("/")) {
    if (segment.startsWith(":")) {
      node = node.parameter ??= createNode();
    } else {
      let child = node.children.get(segment);
      if (child === undefined) node.children.set(segment, child = createNode());
      node = child;
    }
  }
  (prefix ? node.prefix : node.exact).push(index);
}

function passes(
  guard: { readonly hostName: string | null; readonly methodSet: ReadonlySet<string> | null },
  host: string,
  method: string,
): boolean {
  if (guard.methodSet !== null && !guard.methodSet.has(method)) return false;
  if (guard.hostName === null) return true;
  const name = host.replace(/:\d+$/, "").toLowerCase();
  return guard.hostName.startsWith("*.")
    ? name.endsWith(guard.hostName.slice(1))
    : name === guard.hostName;
}
