/**
 * Patterns as a tree of segments: each request costs one walk down, however many
 * routes there are.
 *
 * @module
 */

/** A pattern, taken apart. */
export interface PatternPath {
  /** Canonical literals; `null` is a parameter, which takes any segment that is not empty. */
  readonly segments: readonly (string | null)[];
  /** Whether it covers everything below, and itself. */
  readonly isPrefix: boolean;
}

/** A tree of patterns, each of which has a number. */
export interface PatternTree {
  add(pattern: PatternPath, index: number): void;
  /**
   * Visits every pattern that covers the path: place by place, and smaller numbers
   * first where several patterns end at one place.
   */
  walk(path: string, visit: (indexes: readonly number[]) => void): void;
}

interface Node {
  readonly children: Map<string, Node>;
  parameter: Node | null;
  /** Numbers of the patterns that end here, in order. */
  readonly exact: number[];
  /** Numbers of the patterns that cover everything from here on. */
  readonly prefix: number[];
}

function createNode(): Node {
  return { children: new Map(), parameter: null, exact: [], prefix: [] };
}

/** An empty tree. */
export function createPatternTree(): PatternTree {
  const root = createNode();

  function walkFrom(
    node: Node,
    path: string,
    from: number,
    visit: (indexes: readonly number[]) => void,
  ): void {
    if (node.prefix.length > 0) visit(node.prefix);
    if (from >= path.length) {
      if (node.exact.length > 0) visit(node.exact);
      return;
    }
    if (node.children.size === 0 && node.parameter === null) return;
    const slash = path.indexOf("/", from + 1);
    const end = slash < 0 ? path.length : slash;
    const segment = path.slice(from + 1, end);
    const child = node.children.get(segment);
    if (child !== undefined) walkFrom(child, path, end, visit);
    if (node.parameter !== null && segment !== "") walkFrom(node.parameter, path, end, visit);
  }

  return {
    add({ segments, isPrefix }, index) {
      let node = root;
      for (const segment of segments) {
        if (segment === null) {
          node = node.parameter ??= createNode();
          continue;
        }
        let child = node.children.get(segment);
        if (child === undefined) node.children.set(segment, child = createNode());
        node = child;
      }
      const list = isPrefix ? node.prefix : node.exact;
      if (list.at(-1) !== index) list.push(index);
    },
    walk: (path, visit) => walkFrom(root, path, 0, visit),
  };
}
