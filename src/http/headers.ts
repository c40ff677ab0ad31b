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
  const byName = new Map<string, string>(headers);
  return {
    get: (name) => byName.get(name) ?? null,
    [Symbol.iterator]: () => byName.entries(),
  };
}
