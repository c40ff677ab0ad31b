/**
 * A pure function that remembers what it said of the texts it was asked last.
 *
 * @module
 */
import QuickLRU from "quick-lru";

/** How long a text may be that is worth remembering, in UTF-16 code units. */
const MAX_LENGTH = 300;

/**
 * The same function; it keeps at least the last `maxSize` results, and at most twice
 * as many. For what clients and upstreams repeat: longer texts are worked out each time.
 */
export function remembered<T extends NonNullable<unknown>>(
  maxSize: number,
  work: (text: string) => T,
): (text: string) => T {
  const known = new QuickLRU<string, T>({ maxSize });
  return function recall(text) {
    if (text.length > MAX_LENGTH) return work(text);
    const found = known.get(text);
    if (found !== undefined) return found;
    const result = work(text);
    known.set(text, result);
    return result;
  };
}
