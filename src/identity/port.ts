/**
 * The identity source port: who says that a password is right.
 *
 * @module
 */
import type { SubjectClaims } from "../base/json.ts";

/** What a person typed. Never logged, never stored. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What an identity source says of a pair of credentials. */
export type IdentityOutcome =
  | { readonly kind: "accepted"; readonly subject: string; readonly claims: SubjectClaims }
  | { readonly kind: "rejected" }
  /** The source itself is limiting sign-ins. */
  | { readonly kind: "throttled"; readonly retryAfterSeconds: number }
  /** The source is down, slow, or answered something that is no answer. `reason` is for the log. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** Says who somebody is. Never throws: every failure is an {@link IdentityOutcome}. */
export interface IdentitySource {
  authenticate(
    credentials: Credentials,
    context: { readonly requestId: string; readonly signal: AbortSignal },
  ): Promise<IdentityOutcome>;
}
