/**
 * Names in the configuration that lead nowhere.
 *
 * @module
 */
import { findShadows } from "../policy/shadows.ts";
import { foldHeaderName } from "../http/header_names.ts";
import type { ConfigFile } from "./schema/file.ts";

export function danglingReferences(file: ConfigFile): string[] {
  const known = Object.keys(file.upstreams);
  const problems: string[] = [];
  file.routes.forEach((route, index) => {
    if (!Object.hasOwn(file.upstreams, route.upstream)) {
      problems.push(
        `routes[${index}].upstream: there is no upstream "${route.upstream}"; known: ${
          known.join(", ") || "none"
        }`,
      );
    }
    if (route.auth === "none") {
      for (const key of ["require", "revocation", "refresh"] as const) {
        const value = route[key];
        if (value !== undefined && value !== "view" && value !== "none") {
          problems.push(
            `routes[${index}].${key}: has no meaning on a route with auth "none"; remove one of them`,
          );
        }
      }
    }
  });
  const identityNames = new Set(
    Object.values(file.upstreams).flatMap((upstream) => Object.keys(upstream.headers))
      .map(foldHeaderName),
  );
  file.routes.forEach((route, index) => {
    for (const name of Object.keys(route.requestHeaders?.set ?? {})) {
      if (identityNames.has(foldHeaderName(name))) {
        problems.push(
          `routes[${index}].requestHeaders.set.${name}: carries identity (upstreams.*.headers), which only Postern writes`,
        );
      }
    }
  });
  if (file.identity === undefined && Object.keys(file.providers).length === 0) {
    problems.push("identity: is required where there are no providers: nobody could sign in");
  }
  problems.push(...unreachableRoutes(file));
  if (file.paths.auth === file.paths.token) {
    problems.push('paths.token: must differ from paths.auth; the default is "/api/token"');
  }
  return problems;
}

/** Postern's own paths come first, then the routes in order. */
function unreachableRoutes({ paths, routes }: ConfigFile): string[] {
  const own = [`${paths.auth}/*`, `${paths.token}/*`, "/.well-known/jwks.json"];
  const shadows = findShadows([...own.map((path) => ({ path })), ...routes]);
  return shadows.filter(({ index }) => index >= own.length).map(({ index, by }) => {
    const earlier = by < own.length
      ? `Postern itself answers ${own[by]}`
      : `routes[${by - own.length}] ("${routes[by - own.length]?.path}") takes everything before`;
    const path = routes[index - own.length]?.path;
    return `routes[${
      index - own.length
    }].path: "${path}" is never reached, because ${earlier}; put it further up, or remove it`;
  });
}
