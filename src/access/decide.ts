/**
 * Who is it, may they: the one decision about a request, whoever asks (the
 * proxied request, a WebSocket, forward-auth). It knows no `Response`.
 *
 * @module
 */
import type { Asking } from "../http/inbound.ts";
import { isAuthenticationMet } from "../policy/authentication.ts";
import type { Clock } from "../base/clock.ts";
import type { Problem } from "../http/problem.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { CallerToken } from "../tokens/claims.ts";
import type { Credential, ReadCredential } from "./credential.ts";
import type { Caller, Identify, Refusal } from "./identify.ts";
import type { DeviceOffers } from "./offers.ts";
import type { AccessRule } from "./rule.ts";

/** Why a request goes no further, with what its answer needs. */
export interface Denied extends Refusal {
  readonly kind: "refused";
  readonly credential: Credential;
  /** Who was turned away, where that is known. */
  readonly token: CallerToken | null;
  /** Also those of a pair that was rotated on the way to the refusal. */
  readonly setCookies: readonly string[];
  /** See {@link Caller.nonce}. */
  readonly nonce: string | null;
}

/** `caller` is `null` on open routes. */
export type Decision = { readonly kind: "allowed"; readonly caller: Caller | null } | Denied;

/** Decides about a request; a promise only where something has to be waited for. */
export type Decide = (asking: Asking, rule: AccessRule) => Decision | Promise<Decision>;

const OPEN: Decision = { kind: "allowed", caller: null };

/** Hears of every authentication: how the credential came, and `accepted` or the problem's code. */
export type HearAuthentication = (
  transport: "cookie" | "bearer" | "dpop" | "none",
  result: string,
) => void;

/** Prepares {@link Decide}. */
export function createDecide(parts: {
  readonly readCredential: ReadCredential;
  readonly identify: Identify;
  readonly sessions: Pick<Sessions, "status">;
  readonly clock: Clock;
  readonly onAuthenticated: HearAuthentication;
  /** Say which sessions have been without a key for too long; `null`: none has to have one. */
  readonly offers: Pick<DeviceOffers, "isOverdue"> | null;
}): Decide {
  const { readCredential, identify, sessions, clock, onAuthenticated, offers } = parts;

  /** What the token lacks, or `null`. */
  function unmet(token: CallerToken, rule: AccessRule): Problem | null {
    const { claims, bound } = token;
    // Behind a token that others signed there is no session to bind.
    const isOverdue = token.sid !== null && (offers?.isOverdue(token) ?? false);
    if ((rule.deviceBound && bound === null) || isOverdue) return { code: "binding_required" };
    if (rule.satisfied !== null && !rule.satisfied(claims)) {
      return {
        code: "insufficient_scope",
        ...(rule.requiredScope === undefined ? {} : { scope: rule.requiredScope }),
      };
    }
    const { authentication } = rule;
    if (authentication === null || isAuthenticationMet(authentication, claims, clock())) {
      return null;
    }
    return { code: "insufficient_user_authentication", authentication };
  }

  function authorised(
    named: Caller | Refusal,
    rule: AccessRule,
    credential: Credential,
  ): Decision | Promise<Decision> {
    if ("problem" in named) {
      onAuthenticated(transportOf(credential), named.problem.code);
      return { kind: "refused", ...named, credential, token: null, nonce: null };
    }
    if (rule.strict) return strictly(named, rule, credential);
    onAuthenticated(transportOf(credential, true), "accepted");
    return verdict(named, unmet(named.token, rule), credential);
  }

  async function strictly(
    caller: Caller,
    rule: AccessRule,
    credential: Credential,
  ): Promise<Decision> {
    const isLive = await sessions.status(caller.token) === "live";
    onAuthenticated(transportOf(credential, true), isLive ? "accepted" : "session_revoked");
    return verdict(
      caller,
      isLive ? unmet(caller.token, rule) : { code: "session_revoked" },
      credential,
    );
  }

  return function decide(asking, rule) {
    if (rule.open) return OPEN;
    const credential = readCredential(asking.headers);
    const naming = identify(asking, credential, rule);
    return naming instanceof Promise
      ? naming.then((named) => authorised(named, rule, credential))
      : authorised(naming, rule, credential);
  };
}

/** `isNamed`: somebody without an access token was named all the same, by the refresh cookie. */
function transportOf(
  credential: Credential,
  isNamed = false,
): "cookie" | "bearer" | "dpop" | "none" {
  if (credential.kind === "bearer") return credential.scheme;
  return credential.kind === "cookie" || isNamed ? "cookie" : "none";
}

function verdict(caller: Caller, problem: Problem | null, credential: Credential): Decision {
  if (problem === null) return { kind: "allowed", caller };
  const { token, setCookies, nonce } = caller;
  return { kind: "refused", problem, credential, token, setCookies, nonce };
}
