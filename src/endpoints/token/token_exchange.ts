/**
 * A caller's token is exchanged for one of an upstream's, with less in it (RFC 8693).
 *
 * @module
 */
import type { DeviceOffers } from "../../access/offers.ts";
import type { AuthenticateBearer, StandingProblem } from "../../access/standing.ts";
import type { Clock } from "../../base/clock.ts";
import type { KeyBinding } from "../../base/session.ts";
import type { Problem } from "../../http/problem.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { SignAssertion } from "../../tokens/assertion.ts";
import { isOurs } from "../../tokens/claims.ts";
import { OWN_CLIENTS } from "../../tokens/issuers/own_clients.ts";
import { actClaim, actorOf, mayAct, signedClaims } from "./actors.ts";
import type { Actor, AnyCaller } from "./actors.ts";
import type { Grant, GrantOutcome, GrantRequest, OAuthError } from "./grants.ts";
import type { MachineOptions } from "./machine_clients.ts";
import { readScope } from "./scope.ts";

/** `grant_type` of it (§2.1). */
export const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
/** What is taken and given (§3): an access token, which is a JWT as well. */
const TYPES: readonly unknown[] = [ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt"];

/** An upstream that tokens can be had for. */
export interface ExchangeTarget {
  readonly sign: SignAssertion;
  readonly ttlSeconds: number;
}

/** What the grant is put together from. */
export interface TokenExchangeParts {
  readonly authenticateBearer: AuthenticateBearer;
  readonly sessions: Pick<Sessions, "status" | "read">;
  /** By name in the configuration. */
  readonly targets: ReadonlyMap<string, ExchangeTarget>;
  readonly issuer: string;
  readonly clock: Clock;
  /** Say which sessions have been without a key for too long; `null`: none has to have one. */
  readonly offers: Pick<DeviceOffers, "isOverdue"> | null;
}

/** A caller that stands, or what is answered instead. */
type Standing = { readonly kind: "standing"; readonly token: AnyCaller } | GrantOutcome;

/**
 * The grant. The token is an identity assertion for one upstream: useless at the gateway
 * itself, no longer alive than what it was exchanged for, and nobody can end it before.
 */
export function tokenExchange(parts: TokenExchangeParts): Grant {
  const { authenticateBearer, sessions, targets, clock } = parts;

  /** One of the two tokens, verified; asked of the store, since what is given out can not be ended. */
  async function standing(
    name: "subject_token" | "actor_token",
    { fields, jkt, around }: GrantRequest,
  ): Promise<Standing> {
    const { [name]: text, [`${name}_type`]: type } = fields;
    if (typeof text !== "string" || text === "") return refused(`${name} is required.`);
    if (!TYPES.includes(type)) return refused(`${name}_type must be ${TYPES.join(" or ")}.`);
    const token = await authenticateBearer(text, around.waitUntil);
    if (typeof token === "string") return notStanding(name, token);
    if (await sessions.status(token) !== "live") return notStanding(name, "session_revoked");
    if (isOurs(token) && parts.offers?.isOverdue(token) === true) {
      return refused(`${name} is bound to no key, and each has to be (deviceBinding).`);
    }
    const problem = unprovenKey(name, token, await boundOf(token), jkt);
    if (problem !== null) {
      around.emit({ event: "binding_failed", reason: "key_mismatch", subject: token.subject });
      return refused(problem);
    }
    return { kind: "standing", token };
  }

  /** The session may have been bound since the token was minted. */
  async function boundOf(token: AnyCaller): Promise<KeyBinding | null> {
    const session = isOurs(token) ? await sessions.read(token.sid) : null;
    return session?.bound ?? token.bound;
  }

  async function actorOrClient(
    request: GrantRequest,
  ): Promise<
    { readonly kind: "actor"; readonly actor: Actor; readonly until: number } | GrantOutcome
  > {
    const { fields, client } = request;
    if (fields["actor_token"] === undefined) {
      if (fields["actor_token_type"] !== undefined) {
        return refused("actor_token_type says of which type actor_token is, and there is none.");
      }
      return { kind: "actor", actor: clientAsActor(client, parts.issuer), until: Infinity };
    }
    const acting = await standing("actor_token", request);
    return acting.kind === "standing"
      ? { kind: "actor", actor: actorOf(acting.token), until: acting.token.expiresAtSeconds }
      : acting;
  }

  async function granted(request: GrantRequest): Promise<GrantOutcome> {
    const { client, fields, jkt, around } = request;
    if (client.exchange === null) return refused(undefined, "unauthorized_client");
    const { requested_token_type: wanted = ACCESS_TOKEN } = fields;
    if (typeof wanted !== "string" || !TYPES.includes(wanted)) {
      return refused(`requested_token_type must be ${TYPES.join(" or ")}.`);
    }
    const audience = audienceOf(request);
    if (typeof audience !== "string") return audience;
    const target = client.exchange.audience.includes(audience) ? targets.get(audience) : undefined;
    if (target === undefined) return refused(undefined, "invalid_target");
    const subject = await standing("subject_token", request);
    if (subject.kind !== "standing") return subject;
    const acting = await actorOrClient(request);
    if (acting.kind !== "actor") return acting;
    const { token } = subject;
    const { actor } = acting;
    if (!mayAct(token, actor)) {
      return refused("subject_token (may_act) lets others act, not this actor.");
    }
    const act = actClaim(token, actor);
    if (act === null) {
      return refused("subject_token (act) has a row of actors that can not be read.");
    }
    const { scope: most } = client.exchange;
    const theirs = token.scope.split(" ").filter((each) => most.includes(each));
    const scope = readScope(fields["scope"], theirs);
    if (scope === null) return refused(undefined, "invalid_scope");
    const iat = Math.floor(clock() / 1000);
    const exp = Math.floor(Math.min(iat + target.ttlSeconds, token.expiresAtSeconds, acting.until));
    // Within the tolerance it still opens what it opened, but nothing is made of it any more.
    if (exp <= iat) return notStanding("subject_token", "token_expired");
    const jwt = await target.sign(token, { issuedAtSeconds: iat, expiresAtSeconds: exp }, {
      scope,
      act,
      may_act: undefined,
      client_id: client.id,
      ...(jkt === null ? {} : { cnf: { jkt } }),
    });
    around.emit({
      event: "token_exchanged",
      subject: token.subject,
      ...(token.sid === null ? {} : { sid: token.sid }),
      client: client.id,
      audience,
      actingAs: actor.subject,
    });
    return {
      kind: "granted",
      answer: {
        access_token: jwt,
        issued_token_type: wanted,
        token_type: jkt === null ? "Bearer" : "DPoP",
        expires_in: exp - iat,
        scope,
      },
    };
  }

  return async function exchange(request) {
    const outcome = await granted(request);
    if (outcome.kind === "refused") {
      const { error, description } = outcome;
      const reason = description === undefined ? error : `${error}: ${description}`;
      request.around.emit({ event: "exchange_denied", client: request.client.id, reason });
    }
    return outcome;
  };
}

/** The one upstream that is meant; targets by address (`resource`, §2.1) there are none. */
function audienceOf({ fields: { audience, resource } }: GrantRequest): string | GrantOutcome {
  if (resource !== undefined) {
    return refused("Targets are named by audience here, not by resource.", "invalid_target");
  }
  return typeof audience === "string" && audience !== ""
    ? audience
    : refused("audience is required.");
}

/**
 * Why a token that is bound to a key is not taken, or `null`. With DPoP the client proves the
 * key to us in this very request (RFC 9449 §5), and gets a token that is bound to it again.
 * The token of a browser's session is in nobody's hands but the browser's, which asks for
 * nothing here: whoever has it has stolen it.
 */
function unprovenKey(
  name: string,
  token: AnyCaller,
  bound: KeyBinding | null,
  jkt: string | null,
): string | null {
  if (bound === null) {
    // Where nobody asks for proofs, a foreign token that needs one opens what it always did,
    // but must not become one that needs none.
    const isBound = !isOurs(token) && signedClaims(token)["cnf"] !== undefined;
    return isBound ? `${name} is bound to a key, and keys are not asked for here (dpop).` : null;
  }
  if (bound.by !== "dpop") return `${name} is bound to a browser.`;
  return bound.jkt === jkt ? null : `${name} is bound to a key: prove it with DPoP.`;
}

function clientAsActor({ id }: MachineOptions, issuer: string): Actor {
  const subject = `${OWN_CLIENTS}|${id}`;
  return { subject, identity: { sub: subject, iss: issuer, client_id: id } };
}

function notStanding(name: string, problem: StandingProblem): GrantOutcome {
  switch (problem) {
    case "store_unavailable":
    case "issuer_unavailable":
      return { kind: "problem", problem: { code: problem } satisfies Problem };
    case "token_expired":
      return refused(`${name} has expired.`);
    case "session_revoked":
      return refused(`${name} has been revoked.`);
    case "token_invalid":
    case "unknown_key":
      return refused(`${name} is not valid.`);
  }
}

/** §2.2.2: whatever is wrong with a token, the request is. */
function refused(
  description: string | undefined,
  error: OAuthError = "invalid_request",
): GrantOutcome {
  return { kind: "refused", error, ...(description === undefined ? {} : { description }) };
}
