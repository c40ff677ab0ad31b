/**
 * Where somebody goes after signing in: back to where they wanted to go, and
 * never to another site (open redirect, CWE-601).
 *
 * @module
 */
import { readTarget } from "../policy/target.ts";

/**
 * The path and query to go on to, or `/` when the given one is none of this
 * origin: absent, another origin's (`//evil`, `/\evil`, `https:…`), unreadable,
 * or one of the pages that lead here.
 */
export function safeReturnTo(value: string | null | undefined, authPrefix: string): string {
  if (value === null || value === undefined || value.length > 2_000) return "/";
  // Browsers read a backslash as a slash, and skip tabs and line breaks.
  if (!/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(value)) return "/";
  const [withoutFragment = ""] = value.split("#", 1);
  const target = readTarget(`http://localhost${withoutFragment}`);
  if ("problem" in target || target.path.startsWith("//")) return "/";
  const { path, search } = target;
  const own = path === authPrefix || path.startsWith(`${authPrefix}/`);
  const isPage = path === `${authPrefix}/account` || path === `${authPrefix}/handover/give`;
  return own && !isPage ? "/" : path + search;
}
