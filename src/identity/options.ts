/**
 * Who vouches for people.
 *
 * @module
 */
import type { RecheckOptions } from "./recheck.ts";
import type { UpstreamIdentityOptions } from "./upstream.ts";

/** Who says that a password is right. */
export type IdentityOptions =
  /** Nobody signs in with a password. */
  | { readonly kind: "none" }
  | { readonly kind: "demo" }
  | (UpstreamIdentityOptions & {
    readonly kind: "upstream";
    /** Asked at each rotation; `null`: nobody is. */
    readonly recheck: RecheckOptions | null;
  });
