/**
 * Identity assertions: short-lived signed JWTs that tell an upstream who is
 * calling. Their `token_type` and `aud` make them useless at the gateway itself.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import { GROUPS_CLAIM } from "./claims.ts";
import type { CallerToken } from "./claims.ts";
import { KeyRingError } from "./key_ring.ts";
import type { KeyRing } from "./key_ring.ts";
import type { AssertionConfig } from "./options.ts";
import { signJwt } from "./sign.ts";

/** Gives the assertion for an access token: at once when one is fresh, else as a promise. */
export type MintAssertion = (token: CallerToken) => string | Promise<string>;

/** An assertion is minted anew when less than this share of its life is left. */
const RENEW_AT_SHARE_LEFT = 0.5;

/** What assertions of one upstream are made with. */
export interface AssertionParts {
  readonly keys: KeyRing;
  readonly upstream: string;
  readonly config: AssertionConfig;
  readonly issuer: string;
  readonly subjectClaim: string | null;
}

/** What an assertion says beside who is calling; `undefined` takes a claim of theirs out. */
export type FurtherClaims = Readonly<Record<string, JsonValue | undefined>>;

/** Signs one assertion. */
export type SignAssertion = (
  token: CallerToken,
  times: { readonly issuedAtSeconds: number; readonly expiresAtSeconds: number },
  further?: FurtherClaims,
) => Promise<string>;

/**
 * Prepares the signature of assertions for one upstream.
 *
 * @throws {KeyRingError} when the ring has no private key for the algorithm.
 */
export function createAssertionSigner(parts: AssertionParts): SignAssertion {
  const { config, issuer, subjectClaim } = parts;
  const key = parts.keys.signerFor(config.alg);
  if (key === null) {
    throw new KeyRingError([
      `upstreams.${parts.upstream}.assertion: POSTERN_KEYS has no private ${config.alg} key; ` +
      "add one after the signing key (`deno task keys` prints such a set)",
    ]);
  }

  return function signAssertion(token, { issuedAtSeconds, expiresAtSeconds }, further = {}) {
    // What is between the gateway and the caller is no business of an upstream.
    const { nbf: _nbf, cnf: _cnf, [GROUPS_CLAIM]: _groups, ...claims } = token.claims;
    return signJwt(
      "assertion",
      {
        ...claims,
        ...(subjectClaim === null ? {} : { [subjectClaim]: token.subject }),
        ...(token.client === null ? {} : { client_id: token.client }),
        ...further,
        iss: issuer,
        aud: config.audience,
        sub: token.subject,
        ...(token.sid === null ? {} : { sid: token.sid }),
        jti: crypto.randomUUID(),
        iat: issuedAtSeconds,
        exp: expiresAtSeconds,
        token_type: "assertion",
      },
      key,
    );
  };
}

/**
 * Prepares assertions for one upstream. One signature serves a session until
 * half of the assertion's life is over; the memory is tied to the verified
 * token, so it goes when that does.
 *
 * @throws {KeyRingError} when the ring has no private key for the algorithm.
 */
export function createAssertionMinter(
  options: AssertionParts & { readonly clock: Clock },
): MintAssertion {
  const { config: { ttlSeconds }, clock } = options;
  const sign = createAssertionSigner(options);
  const minted = new WeakMap<CallerToken, { jwt: string; fromMs: number; renewAtMs: number }>();

  async function mint(token: CallerToken): Promise<string> {
    const nowMs = clock();
    const issuedAtSeconds = Math.floor(nowMs / 1000);
    const jwt = await sign(token, {
      issuedAtSeconds,
      expiresAtSeconds: issuedAtSeconds + ttlSeconds,
    });
    minted.set(token, {
      jwt,
      fromMs: nowMs,
      renewAtMs: nowMs + ttlSeconds * 1000 * (1 - RENEW_AT_SHARE_LEFT),
    });
    return jwt;
  }

  return function assertionFor(token) {
    const known = minted.get(token);
    if (known === undefined) return mint(token);
    const nowMs = clock();
    // Issued later than now: the clock was set back, and the upstream's may be right.
    return nowMs >= known.fromMs && nowMs < known.renewAtMs ? known.jwt : mint(token);
  };
}
