/**
 * The headers that go to an upstream, made in one pass over the headers that
 * came in: hop-by-hop headers, credentials and everything that could be taken
 * for one of ours are left out, and ours are put in.
 *
 * @module
 */
import QuickLRU from "quick-lru";
import {
  CONNECTION_BOUND,
  foldHeaderName,
  FORWARDING,
  HOP_BY_HOP,
  IDENTITY,
} from "../http/header_names.ts";

/** Decides by name whether an incoming header stays behind. */
export type HeaderFilter = (name: string) => boolean;

/** Prepares the filter. `identityHeaders` are the further names that carry identity. */
export function createRequestHeaderFilter(identityHeaders: Iterable<string>): HeaderFilter {
  const dropped = new Set(
    [...HOP_BY_HOP, ...FORWARDING, ...IDENTITY, ...CONNECTION_BOUND, ...identityHeaders]
      .map(foldHeaderName),
  );
  // Clients use few names: folding each of them once is enough.
  const known = new QuickLRU<string, boolean>({ maxSize: 500 });
  return function staysBehind(name) {
    const remembered = known.get(name);
    if (remembered !== undefined) return remembered;
    const decision = dropped.has(foldHeaderName(name));
    known.set(name, decision);
    return decision;
  };
}
