/**
 * The request's path: normalised once, so that what is matched is what is
 * forwarded (guarantee 6). Whatever a backend could read in another way is
 * refused instead of being repaired.
 *
 * @module
 */

/** Path and query of a request, ready to be matched and forwarded. */
export interface Target {
  /** Normalised: unreserved characters decoded, escapes in upper case. */
  readonly path: string;
  /** The query with its `?`, or the empty string; untouched. */
  readonly search: string;
}

/** Why a request target is refused. `problem` is for the person who sent it. */
export interface PathProblem {
  readonly problem: string;
}

/** RFC 3986 §3.3 `pchar` and `/`, without `%` and `;`: nothing here can be read in two ways. */
const PLAIN = /^\/[A-Za-z0-9\-_.~!$&'()*+,=:@/]*$/;
/** A dot segment, or an empty one, somewhere. */
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?=[/;]|$)/;
const LEGAL = /^\/[A-Za-z0-9\-_.~!$&'()*+,=:@/;%]*$/;
const ESCAPE = /%[0-9A-Fa-f]{2}/g;
const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
/** Visible ASCII: a query may hold no control character, no space and nothing that must be encoded. */
const QUERY = /^\?[\x21-\x22\x24-\x7E]*$/;

/** Escapes nested deeper than this are an attack, not a path. */
const MAX_DECODINGS = 8;

/**
 * Takes path and query from `request.url`. Deno hands the target through as it
 * came (`/a/../b`, `/a%zz`, `/a\b`), Workers normalise it first; the result is
 * the same, or a refusal.
 */
export function parseTarget(url: string): Target | PathProblem {
  const authority = url.indexOf("//") + 2;
  let start = authority;
  while (start < url.length && !isAuthorityEnd(url.charCodeAt(start))) start++;
  const mark = url.indexOf("?", start);
  const rawPath = mark < 0 ? url.slice(start) : url.slice(start, mark);
  const search = mark < 0 ? "" : url.slice(mark);
  if (search !== "" && !QUERY.test(search)) {
    return { problem: "The query holds a character that must be percent-encoded." };
  }
  const path = rawPath === "" ? "/" : rawPath;
  if (PLAIN.test(path)) {
    return path.includes("/.") && DOT_SEGMENT.test(path)
      ? { problem: "The path holds a dot segment." }
      : { path, search };
  }
  const normalised = normalise(path);
  return typeof normalised === "string" ? { path: normalised, search } : normalised;
}

function isAuthorityEnd(code: number): boolean {
  return code === 0x2f || code === 0x3f || code === 0x23 || code === 0x5c;
}

function normalise(path: string): string | PathProblem {
  if (path.includes("#")) return { problem: "The request target holds a fragment." };
  if (path.includes("\\")) return { problem: "The path holds a backslash." };
  if (!LEGAL.test(path)) {
    return { problem: "The path holds a character that must be percent-encoded." };
  }
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) {
    return { problem: "The path holds a broken percent-encoding." };
  }
  const normalised = path.replace(ESCAPE, (escape) => {
    const char = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(char) ? char : escape.toUpperCase();
  });
  // A backend may decode more than once; no reading may hold anything that
  // changes which resource is meant.
  let reading = normalised;
  for (let depth = 0; depth < MAX_DECODINGS; depth++) {
    if (DOT_SEGMENT.test(reading)) return { problem: "The path holds a dot segment." };
    if (!reading.includes("%")) return normalised;
    const hidden = /%(2f|5c|0[0-9a-f]|1[0-9a-f]|7f)/i.exec(reading)?.[1]?.toLowerCase();
    if (hidden === "2f") return { problem: "The path holds an encoded slash." };
    if (hidden === "5c") return { problem: "The path holds an encoded backslash." };
    if (hidden !== undefined) return { problem: "The path holds an encoded control character." };
    const decoded = reading.replace(
      ESCAPE,
      (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)),
    );
    if (decoded === reading) return normalised;
    reading = decoded;
  }
  return { problem: "The path is percent-encoded too many times." };
}

/** A path needs no second look when it has none of these. */
const TRIGGER = /[;A-Z]|\/\/|\/$|[. ](?:\/|$)|%20/;

/**
 * The other ways in which a backend may read the same path: without `;`
 * parameters (Tomcat, Spring), with slashes collapsed (nginx), in lower case
 * (Express, IIS), without trailing dots and spaces (Windows), without the
 * trailing slash (most frameworks), and all of that together.
 */
export function loosenings(path: string): readonly string[] {
  if (path === "/" || !TRIGGER.test(path)) return NONE;
  const readings = new Set<string>();
  let all = path;
  for (const loosen of LOOSEN) {
    readings.add(loosen(path));
    all = loosen(all);
  }
  readings.add(all);
  readings.delete(path);
  return [...readings];
}

const NONE: readonly string[] = [];

const LOOSEN: readonly ((path: string) => string)[] = [
  (path) => path.replace(/;[^/]*/g, ""),
  (path) => path.toLowerCase(),
  (path) => path.replace(/(?:[. ]|%20)+(?=\/|$)/gi, ""),
  (path) => path.replace(/\/{2,}/g, "/"),
  (path) => path.length > 1 ? path.replace(/\/+$/, "") || "/" : path,
];
