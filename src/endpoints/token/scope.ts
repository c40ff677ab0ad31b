/**
 * The `scope` of a token request (RFC 6749 §3.3).
 *
 * @module
 */

/** What was asked for, if all of it may be had; everything where nothing was; else `null`. */
export function readScope(asked: unknown, allowed: readonly string[]): string | null {
  if (asked === undefined || asked === "") return allowed.join(" ");
  if (typeof asked !== "string") return null;
  const tokens = [...new Set(asked.split(" "))];
  return tokens.every((token) => allowed.includes(token)) ? tokens.join(" ") : null;
}
