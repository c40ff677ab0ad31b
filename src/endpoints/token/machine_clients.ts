/**
 * Programs with a credential of their own (RFC 6749 §2.3): a secret of which we know
 * the hash, or a key of which we know the public part (RFC 7523 §2.2).
 *
 * @module
 */
import { createReplayMemory } from "../../binding/replay.ts";
import type { WaitUntil } from "../../base/background.ts";
import type { Clock } from "../../base/clock.ts";
import type { JsonValue } from "../../base/json.ts";
import type { Fields } from "../../http/body.ts";
import { createKeySet } from "../../tokens/issuers/key_set.ts";
import type { KeySet } from "../../tokens/issuers/key_set.ts";
import { FOREIGN_ALGORITHMS } from "../../tokens/issuers/options.ts";
import { readToken, verifySignature } from "../../tokens/issuers/signature.ts";
import { credentialOf } from "../standards/clients.ts";

/** What a program may exchange callers' tokens for (RFC 8693). */
export interface ExchangeOptions {
  /** Names of upstreams. */
  readonly audience: readonly string[];
  /** The most that a token may say, whatever the caller's own says. */
  readonly scope: readonly string[];
}

/** A program in the configuration. */
export interface MachineOptions {
  readonly id: string;
  /** SHA-256 of its secret in lower-case hex; `null`: it has none. */
  readonly secretSha256: string | null;
  /** Its public JWK set; `null`: it has none. */
  readonly jwks: JsonValue;
  /** What tokens for itself may say; `null`: it gets none. */
  readonly scope: readonly string[] | null;
  /** What it may exchange callers' tokens for; `null`: nothing. */
  readonly exchange: ExchangeOptions | null;
}

/** Whose request it is; `null`: nobody's that we know. */
export type AuthenticateMachine = (
  authorization: string | null,
  fields: Fields,
  waitUntil: WaitUntil,
) => Promise<MachineOptions | null>;

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Longest life of an assertion, in seconds; its `jti` is remembered for so long. */
const MAX_ASSERTION_SECONDS = 300;
/** A shorter secret can be guessed from its hash. */
const MIN_SECRET = 32;
/** Of each program: one that is busy must not make another's assertions look old. */
const MAX_REMEMBERED = 10_000;

/**
 * Prepares {@link AuthenticateMachine}. `audiences` are the names that an assertion
 * may be meant for: the token endpoint's address and the issuer (RFC 7523 §3).
 */
export function createAuthenticateMachine(parts: {
  readonly machines: readonly MachineOptions[];
  readonly audiences: readonly string[];
  readonly clock: Clock;
  readonly clockToleranceSeconds: number;
  /** How many assertions of each program are remembered. */
  readonly maxRemembered?: number;
}): AuthenticateMachine {
  const { machines, audiences, clock, clockToleranceSeconds: tolerance } = parts;
  const { maxRemembered = MAX_REMEMBERED } = parts;
  const byId = new Map(machines.map((machine) => [machine.id, machine]));
  const keySets = new Map(
    machines.flatMap((machine): [string, KeySet][] =>
      machine.jwks === null ? [] : [[
        machine.id,
        createKeySet({ issuer: machine.id, jwks: "configuration" }, {
          clock,
          getJson: () => Promise.resolve({ kind: "json", status: 200, document: machine.jwks }),
        }),
      ]]
    ),
  );
  const used = new Map(
    Array.from(keySets.keys(), (id) => [
      id,
      createReplayMemory({
        lifeSeconds: MAX_ASSERTION_SECONDS + 2 * tolerance,
        maxEntries: maxRemembered,
      }),
    ]),
  );

  async function bySecret(authorization: string | null, fields: Fields) {
    const shown = credentialOf(authorization, fields);
    if (shown === null || shown.secret.length < MIN_SECRET) return null;
    const machine = byId.get(shown.id);
    const hash = await sha256(shown.secret);
    return machine !== undefined && machine.secretSha256 === hash ? machine : null;
  }

  async function byAssertion(assertion: string, fields: Fields, waitUntil: WaitUntil) {
    const read = readToken(assertion);
    if (read === null) return null;
    const { iss, sub, aud, exp, nbf, jti } = read.payload;
    const { client_id: id } = fields;
    const keys = typeof iss === "string" ? keySets.get(iss) : undefined;
    if (typeof iss !== "string" || keys === undefined) return null;
    if (sub !== iss || (id !== undefined && id !== iss)) return null;
    const meant = Array.isArray(aud) ? aud : [aud];
    if (!meant.some((each) => typeof each === "string" && audiences.includes(each))) return null;
    if (typeof exp !== "number" || typeof jti !== "string" || jti === "") return null;
    const nowSeconds = clock() / 1000;
    if (nowSeconds >= exp + tolerance) return null;
    if (exp > nowSeconds + MAX_ASSERTION_SECONDS + tolerance) return null;
    if (nbf !== undefined && !(typeof nbf === "number" && nbf <= nowSeconds + tolerance)) {
      return null;
    }
    const algorithms = FOREIGN_ALGORITHMS;
    const key = await verifySignature(assertion, read, { algorithms, keys, waitUntil });
    if (typeof key === "string") return null;
    const moment = Math.floor(exp) - MAX_ASSERTION_SECONDS;
    if (used.get(iss)?.take(iss, jti, moment, nowSeconds) !== "fresh") return null;
    return byId.get(iss) ?? null;
  }

  return async function authenticateMachine(authorization, fields, waitUntil) {
    const { client_assertion: assertion, client_assertion_type: type } = fields;
    if (assertion === undefined) return await bySecret(authorization, fields);
    // RFC 6749 §2.3: one way only.
    const isAlone = authorization === null && fields["client_secret"] === undefined;
    return isAlone && type === JWT_BEARER && typeof assertion === "string"
      ? await byAssertion(assertion, fields, waitUntil)
      : null;
  };
}

async function sha256(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))
    .toHex();
}
