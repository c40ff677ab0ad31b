/**
 * What a route says about who may come in.
 *
 * @module
 */
import type { Cors } from "../browser/cors.ts";
import type { AuthenticationRule } from "../policy/authentication.ts";
import type { CallerToken } from "../tokens/claims.ts";

/** Of a prepared route, what the decision needs. */
export interface AccessRule {
  /** Everybody may, and nobody is asked for. */
  readonly open: boolean;
  /** The store is asked each time. */
  readonly strict: boolean;
  /** An expired access cookie is rotated in passing. */
  readonly transparent: boolean;
  readonly satisfied: ((claims: CallerToken["claims"]) => boolean) | null;
  readonly requiredScope: readonly string[] | undefined;
  /** Only with a token whose key was proven. */
  readonly deviceBound: boolean;
  /** How and when the caller must have signed in; `null`: in any way, at any time. */
  readonly authentication: AuthenticationRule | null;
  readonly cors: Cors | null;
}

/** What the route table leads to: Postern itself, or a route. */
export type Destination<Route extends AccessRule> =
  | { readonly kind: "own" }
  | { readonly kind: "route"; readonly route: Route };
