/**
 * The headers of an incoming request, read out of the runtime in one pass:
 * everything that looks at a header afterwards looks into a plain map.
 *
 * @module
 */

/** Looks a header up by its lower-case name; `Headers` is one too. */
export interface HeaderReader {
  get(name: string): string | null;
}

/** Names in lower case, repeated headers joined as `Headers` joins them. */
export interface IncomingHeaders extends HeaderReader, Iterable<readonly [string, string]> {}

/** Reads all headers once. */
export function readHeaders(headers: Headers): IncomingHeaders {
  const pairs: [string, string][] = [];
  // Deno takes a seventh of the time for this that it takes to iterate.
  headers.forEach((value, name) => void pairs.push([name, value]));
  const byName = new Map(pairs);
  return {
    get: (name) => byName.get(name) ?? null,
    [Symbol.iterator]: () => pairs.values(),
  };
}
