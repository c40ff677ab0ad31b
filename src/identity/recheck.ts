/**
 * Asks a backend whether a signed-in subject is still welcome, so that a
 * disabled or deleted user is turned away at the next rotation.
 *
 * @module
 */
import type { SubjectClaims } from "../base/json.ts";
import type { JsonPointer } from "../base/json_pointer.ts";
import type { AskContext } from "../base/presenter.ts";
import { createBackChannel, unexpectedStatus } from "../outbound/back_channel.ts";
import type { BackChannelOptions } from "../outbound/back_channel.ts";
import { compileClaims } from "../tokens/claim_map.ts";

/** Where to ask, and where the answer holds which claim. */
export interface RecheckOptions extends BackChannelOptions {
  /** Claim name to pointer into the answer; `null`: claims stay as they were at the sign-in. */
  readonly claims: Readonly<Record<string, JsonPointer>> | null;
}

/** What the backend says of a subject. */
export type RecheckOutcome =
  /** Still welcome; `claims` replace what the session held, unless they are `null`. */
  | { readonly kind: "welcome"; readonly claims: SubjectClaims | null }
  /** Disabled, deleted or unknown: the session ends. */
  | { readonly kind: "refused" }
  /** No usable answer. `reason` is for the log. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** Says whether a subject may go on. Never throws. */
export type Recheck = (subject: string, context: AskContext) => Promise<RecheckOutcome>;

/**
 * Binds a recheck to a backend's endpoint, which gets `POST {"subject": "…"}`.
 * 200 with JSON means welcome; 401, 403, 404 and 410 mean refused; whatever
 * else happens is `unavailable`, so that a backend that is down signs nobody out.
 */
export function createRecheck(
  options: RecheckOptions,
  ports: { readonly fetch: typeof globalThis.fetch },
): Recheck {
  const ask = createBackChannel(options, ports);
  const readClaims = options.claims === null ? () => null : compileClaims(options.claims);

  return async function recheck(subject, context) {
    const body = JSON.stringify({ subject });
    const answer = await ask({ contentType: "application/json", body }, context);
    if (answer.kind === "failed") return unavailable(answer.reason);
    switch (answer.status) {
      case 401:
      case 403:
      case 404:
      case 410:
        return { kind: "refused" };
      case 200:
        if (answer.kind === "json") return { kind: "welcome", claims: readClaims(answer.document) };
    }
    return unavailable(unexpectedStatus(answer.status));
  };
}

function unavailable(reason: string): RecheckOutcome {
  return { kind: "unavailable", reason: `recheck endpoint: ${reason}` };
}
