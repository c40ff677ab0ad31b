/**
 * Where requests to Postern's own paths may come from.
 *
 * @module
 */
import type { HeaderReader } from "../http/headers.ts";
import type { Cors } from "./cors.ts";
import { isSameOrigin } from "./csrf.ts";

/** Whether a request comes from our own origin, or from one that `cors` trusts with cookies. */
export type OriginRule = (
  inbound: { readonly headers: HeaderReader; readonly origin: string },
) => boolean;

/** Prepares {@link OriginRule}; `cors` is that of our own paths. */
export function createOriginRule(cors: Cors | null): OriginRule {
  return function isTrustedOrigin({ headers, origin }) {
    return isSameOrigin(headers, origin) || (cors?.trustsOrigin(headers) ?? false);
  };
}
