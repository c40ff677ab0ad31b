/**
 * Which of a client's headers an upstream never sees, by name.
 *
 * @module
 */
import QuickLRU from "quick-lru";
import {
  CONNECTION_BOUND,
  foldHeaderName,
  FORWARDING,
  HOP_BY_HOP,
  IDENTITY_PREFIX,
  isOverriding,
  isPlainHeaderName,
} from "../http/header_names.ts";

/** Decides by name whether an incoming header stays behind. */
export type HeaderFilter = (name: string) => boolean;

/**
 * Prepares the filter (guarantees 6 and 7). What stays behind: whatever folds to
 * `x-auth-`, `identityHeaders` (further names that carry identity), names of other
 * characters than letters, digits and `-`, what belongs to the connection, what
 * Postern writes itself, and what overrides method, URL or client. `passHeaders`
 * are exceptions from the last kind only.
 */
export function createRequestHeaderFilter(options: {
  readonly identityHeaders: Iterable<string>;
  readonly passHeaders: Iterable<string>;
}): HeaderFilter {
  const dropped = new Set(
    [...HOP_BY_HOP, ...FORWARDING, ...CONNECTION_BOUND, ...options.identityHeaders]
      .map(foldHeaderName),
  );
  const passed = new Set(Array.from(options.passHeaders, foldHeaderName));
  // Clients use few names: looking at each of them once is enough.
  const known = new QuickLRU<string, boolean>({ maxSize: 500 });

  function decide(name: string): boolean {
    if (!isPlainHeaderName(name)) return true;
    const folded = foldHeaderName(name);
    if (dropped.has(folded) || folded.startsWith(IDENTITY_PREFIX)) return true;
    return isOverriding(folded) && !passed.has(folded);
  }

  return function staysBehind(name) {
    const remembered = known.get(name);
    if (remembered !== undefined) return remembered;
    const decision = decide(name);
    known.set(name, decision);
    return decision;
  };
}
