/**
 * Who acts for whom (RFC 8693 §4.1, §4.4).
 *
 * @module
 */
import type { JsonValue } from "../../base/json.ts";
import { isOurs } from "../../tokens/claims.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";
import type { VerifiedForeign } from "../../tokens/issuers/claims.ts";
import { isOwnClient } from "../../tokens/issuers/own_clients.ts";

/** A caller's token, whoever signed it. */
export type AnyCaller = VerifiedToken | VerifiedForeign;

type Claims = Readonly<Record<string, JsonValue>>;

/** Who acts: what `act` says of them, and the names by which `may_act` may mean them. */
export interface Actor {
  /** As upstreams know callers: `X-Auth-Subject`. */
  readonly subject: string;
  /** `sub`, `iss` and `client_id` in the words of whoever vouches for them. */
  readonly identity: Readonly<Record<string, string>>;
}

/** Actors in a row at most. */
const MAX_ACTORS = 8;
const MAX_NAME = 512;
const NAMES = ["sub", "iss", "client_id"] as const;

/** The claims as they were signed. */
export function signedClaims(token: AnyCaller): Claims {
  return isOurs(token) ? token.claims : token.payload;
}

/** The actor that a token stands for. */
export function actorOf(token: AnyCaller): Actor {
  const { sub, iss, client_id } = signedClaims(token);
  const ownWord = isOurs(token) || isOwnClient(token) ? token.subject : sub;
  const identity = Object.entries({ sub: ownWord, iss, client_id }).filter(isNamed);
  return { subject: token.subject, identity: Object.fromEntries(identity) };
}

/**
 * Whether the subject's token lets somebody act for them (§4.4); one that says nothing does.
 * Names count within one issuer: where it names none, its own is meant, since whoever may
 * choose a name elsewhere could choose this one.
 */
export function mayAct(subject: AnyCaller, actor: Actor): boolean {
  const { may_act: allowed, iss } = signedClaims(subject);
  if (allowed === undefined) return true;
  if (!isRecord(allowed)) return false;
  // What is not understood is not fulfilled; nor is a condition that names nobody.
  const { iss: issuer = iss, ...named } = allowed;
  const names = Object.entries(named);
  return names.length > 0 && actor.identity["iss"] === issuer &&
    names.every(([name, value]) => actor.identity[name] === value);
}

/**
 * `act` of a token for which somebody acts now: they are outermost, who acted before stands
 * within (§4.1). `null`: the row can not be read, or has become too long.
 */
export function actClaim(subject: AnyCaller, actor: Actor): JsonValue | null {
  const { act, iss } = signedClaims(subject);
  if (act === undefined) return { sub: actor.subject };
  // Theirs, not ours: who is meant is told apart by it.
  const issuer = !isOurs(subject) && typeof iss === "string" ? iss : null;
  const before = priorActors(act, issuer, MAX_ACTORS - 1);
  return before === null ? null : { sub: actor.subject, act: before };
}

function priorActors(value: JsonValue, issuer: string | null, left: number): JsonValue | null {
  if (!isRecord(value) || left === 0) return null;
  const named: Record<string, JsonValue> = {};
  for (const name of NAMES) {
    const { [name]: text } = value;
    if (text === undefined) continue;
    if (typeof text !== "string" || text.length > MAX_NAME) return null;
    named[name] = text;
  }
  if (issuer !== null && named["iss"] === undefined) named["iss"] = issuer;
  if (value["act"] === undefined) return named;
  const before = priorActors(value["act"], issuer, left - 1);
  return before === null ? null : { ...named, act: before };
}

function isNamed(entry: [string, JsonValue | undefined]): entry is [string, string] {
  return typeof entry[1] === "string";
}

function isRecord(value: JsonValue): value is { readonly [name: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
