/**
 * Routes and upstreams as the configuration's lines are prepared for requests.
 *
 * @module
 */
import type { AccessRule } from "../access/rule.ts";
import type { Rewrite } from "../policy/rewrite.ts";
import type { MintAssertion } from "../tokens/assertion.ts";
import type { CallerToken } from "../tokens/claims.ts";
import type { Connect } from "../upstream/connect.ts";
import type { Forward } from "../upstream/forward.ts";
import type { HeaderRules } from "./header_rules.ts";
import type { HeaderFilter } from "./request_filter.ts";
import type { WayBack } from "./way_back.ts";

/** An upstream, prepared. */
export interface PreparedUpstream {
  readonly name: string;
  readonly forward: Forward;
  /** Whether the upstream sees the `Host` that the client sent. */
  readonly passesHost: boolean;
  readonly connect: Connect;
  /** Whether `Via` names us to both sides. */
  readonly via: boolean;
  /** Whether a Bearer token that others signed is passed on. */
  readonly forwardToken: boolean;
  readonly identityHeaders: (token: CallerToken) => readonly (readonly [string, string])[];
  readonly assertion: { readonly header: string; readonly mint: MintAssertion } | null;
}

/** A route, prepared. */
export interface PreparedRoute extends AccessRule {
  /** As the configuration writes it: what requests are counted under. */
  readonly pattern: string;
  readonly upstream: PreparedUpstream;
  readonly maxBodyBytes: number;
  readonly rewrite: Rewrite | null;
  /** Which of the client's headers stay behind. */
  readonly staysBehind: HeaderFilter;
  /** Maps back what the upstream says of its own paths and addresses. */
  readonly wayBack: WayBack;
  readonly requestHeaders: HeaderRules | null;
  readonly responseHeaders: HeaderRules | null;
  /** Whether shared caches may keep an authorised answer, if the upstream says so. */
  readonly isShared: boolean;
}
