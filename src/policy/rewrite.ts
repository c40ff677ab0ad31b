/**
 * The path that an upstream gets in place of the one that was matched.
 *
 * @module
 */

/** Rewrites a normalised path; `null` when the result could be read in two ways. */
export type Rewrite = (path: string) => string | null;

/**
 * Prepares the rewriting of a route. The route's pattern begins with
 * `stripPrefix`, so each path that it matches does too.
 */
export function createRewrite(
  rules: { readonly stripPrefix?: string; readonly addPrefix?: string },
): Rewrite {
  const { stripPrefix = "", addPrefix = "" } = rules;
  return function rewrite(path) {
    const rest = path.slice(stripPrefix.length);
    if (!path.startsWith(stripPrefix) || (rest !== "" && !rest.startsWith("/"))) return null;
    // "//host" at the beginning is another host to whoever resolves it as a reference.
    if (rest.startsWith("//")) return null;
    return addPrefix + rest || "/";
  };
}
