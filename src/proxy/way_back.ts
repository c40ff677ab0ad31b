/**
 * The way back: what an upstream says of its own paths and addresses, in the
 * words of the client's side (what other proxies call `proxy_redirect` and
 * `proxy_cookie_path`).
 *
 * @module
 */

/** Maps values of answer headers back. */
export interface WayBack {
  /** `Location` (RFC 9110 §10.2.2). */
  location(value: string): string;
  /** One `Set-Cookie` value: its `Path`, and a `Domain` that only the upstream's side knows. */
  cookie(value: string): string;
}

/** Prepares the way back of a route. */
export function createWayBack(options: {
  /** Origins of the upstream's targets; a redirect to one of them is a redirect to us. */
  readonly targets: readonly string[];
  readonly stripPrefix?: string | undefined;
  readonly addPrefix?: string | undefined;
}): WayBack {
  const { targets, stripPrefix = "", addPrefix = "" } = options;
  const rewrites = stripPrefix !== addPrefix;
  const hosts = new Set(targets.flatMap((target) => URL.parse(target)?.hostname ?? []));

  /** Absolute paths only; `null`: this one does not lead through the route. */
  function pathBack(path: string): string | null {
    if (!path.startsWith("/") || path.startsWith("//")) return null;
    if (!rewrites) return path;
    if (!path.startsWith(addPrefix)) return null;
    const rest = path.slice(addPrefix.length);
    // "/api" is the prefix of "/api/x" and "/api?x", not of "/apix".
    return rest === "" || "/?#".includes(rest.charAt(0)) ? stripPrefix + rest || "/" : null;
  }

  return {
    location(value) {
      for (const target of targets) {
        if (!value.startsWith(target)) continue;
        const rest = value.slice(target.length);
        if (rest === "") return pathBack("/") ?? value;
        if (!"/?#".includes(rest.charAt(0))) continue;
        const path = rest.startsWith("/") ? rest : `/${rest}`;
        return pathBack(path) ?? value;
      }
      return pathBack(value) ?? value;
    },
    cookie(value) {
      if (!rewrites && hosts.size === 0) return value;
      const [pair = "", ...attributes] = value.split(";");
      const mapped = attributes.flatMap((attribute) => {
        const equals = attribute.indexOf("=");
        if (equals < 0) return [attribute];
        const name = attribute.slice(0, equals).trim().toLowerCase();
        const given = attribute.slice(equals + 1).trim();
        if (name === "domain" && hosts.has(given.toLowerCase())) return [];
        if (name !== "path") return [attribute];
        const path = rewrites ? pathBack(given) : null;
        return [path === null ? attribute : ` Path=${path}`];
      });
      return [pair, ...mapped].join(";");
    },
  };
}
