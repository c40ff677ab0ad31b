/**
 * What the routes of a configuration open by accident, in words.
 *
 * @module
 */
import type { GatewayConfig } from "../../config/config.ts";
import { findOpenings } from "../../policy/openings.ts";

/** One line for each open route that leads past another one's guard. */
export function openingWarnings({ routes }: Pick<GatewayConfig, "routes">): string[] {
  const openings = findOpenings(routes.map(({ path, host, methods, upstream, auth, rewrite }) => ({
    path,
    upstream,
    open: auth === "none",
    ...(host === undefined ? {} : { host }),
    ...(methods === undefined ? {} : { methods }),
    ...(rewrite === undefined ? {} : { rewrite }),
  })));
  return openings.map(({ index, guard, path, reaches }) =>
    `routes[${index}] is open and rewrites: ${path} leads to ${reaches} of its upstream, which ` +
    `routes[${guard}] ("${
      routes[guard]?.path
    }") guards; narrow it, or give it an upstream of its own`
  );
}
