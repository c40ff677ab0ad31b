/**
 * Proxies that the environment names. Deno's `fetch` would send passwords and the
 * store's token through them, loopback included, because of a variable that somebody
 * set for something else.
 *
 * @module
 */

const NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
  .flatMap((name) => [name, name.toLowerCase()]);

/**
 * Takes the variables out of this process, before it asks anybody anything; the names
 * of those that were set.
 */
export function dropProxyVariables(): readonly string[] {
  const dropped = NAMES.filter((name) => (Deno.env.get(name) ?? "") !== "");
  for (const name of NAMES) Deno.env.delete(name);
  return dropped;
}
