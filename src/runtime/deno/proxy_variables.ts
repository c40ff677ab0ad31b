/**
 * Proxies. Deno's `fetch` would send passwords and the store's token through one that
 * the environment names, loopback included, because of a variable that somebody set for
 * something else. Only one that the configuration names is meant.
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

/** Sends what `fetch` asks through a proxy, but for this machine. Before the first question. */
export function useProxy(url: string): void {
  Deno.env.set("HTTP_PROXY", url);
  Deno.env.set("HTTPS_PROXY", url);
  Deno.env.set("NO_PROXY", "localhost,127.0.0.1,::1");
}
