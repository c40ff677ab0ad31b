/**
 * Challenges for device-bound sessions. A DBSC proof says nothing but which
 * challenge it answers, so the challenge itself binds what the proof is for:
 * origin, session, purpose, generation and time, under an HMAC of ours. Nothing
 * is stored.
 *
 * @module
 */
import { decode, encode } from "jose/base64url";
import type { Clock } from "../base/clock.ts";

/** What a challenge is for, so that an answer to one is no answer to another. */
export interface ChallengePurpose {
  readonly act: "register" | "refresh";
  /** The origin that gave it out. */
  readonly origin: string;
  readonly sid: string;
  /**
   * `jti` of the refresh token that it may be used with: once that is spent, a
   * proof that was seen on the way is worth as little as the token.
   */
  readonly refreshJti: string;
}

/** What a challenge turned out to be. */
export type ChallengeOutcome = "good" | "expired" | "foreign";

/** Makes challenges and knows them again. */
export interface Challenges {
  issue(purpose: ChallengePurpose): Promise<string>;
  check(challenge: string, purpose: ChallengePurpose): Promise<ChallengeOutcome>;
}

/** Seconds in base 36, a random part, an HMAC-SHA-256, both in base64url. */
const SHAPE = /^([0-9a-z]{1,10})\.([A-Za-z0-9_-]{11})\.([A-Za-z0-9_-]{43})$/;

/** When a challenge was made, in seconds since the epoch; only for one that was checked. */
export function challengeMadeAtSeconds(challenge: string): number {
  return Number.parseInt(challenge.split(".", 1)[0] ?? "", 36);
}

/**
 * Prepares challenges. `lifeSeconds` is how long one can be answered, by what it is for,
 * `clockToleranceSeconds` how far the clock of another instance may be ahead.
 * The first key makes, all keys check.
 */
export function createChallenges(options: {
  readonly hmacKeys: readonly CryptoKey[];
  readonly lifeSeconds: Readonly<Record<ChallengePurpose["act"], number>>;
  readonly clockToleranceSeconds: number;
  readonly clock: Clock;
}): Challenges {
  const { hmacKeys, lifeSeconds, clockToleranceSeconds, clock } = options;
  const [first] = hmacKeys;
  if (first === undefined) throw new TypeError("a key ring has at least one HMAC key");

  return {
    async issue(purpose) {
      const seconds = Math.floor(clock() / 1000);
      // Two that are made in one second are two: each is answered once.
      const salt = encode(crypto.getRandomValues(new Uint8Array(8)));
      const mac = await crypto.subtle.sign("HMAC", first, message(purpose, seconds, salt));
      return `${seconds.toString(36)}.${salt}.${encode(new Uint8Array(mac))}`;
    },
    async check(challenge, purpose) {
      const [, time, salt, mac] = SHAPE.exec(challenge) ?? [];
      if (time === undefined || salt === undefined || mac === undefined) return "foreign";
      const seconds = Number.parseInt(time, 36);
      const bytes = Uint8Array.from(decode(mac));
      const signed = message(purpose, seconds, salt);
      for (const key of hmacKeys) {
        if (!(await crypto.subtle.verify("HMAC", key, bytes, signed))) continue;
        const nowSeconds = clock() / 1000;
        const isEarly = seconds > nowSeconds + clockToleranceSeconds;
        return isEarly || seconds < nowSeconds - lifeSeconds[purpose.act] ? "expired" : "good";
      }
      return "foreign";
    },
  };
}

/** No part can hold a line break, so no two purposes have one message. */
function message(
  { act, origin, sid, refreshJti }: ChallengePurpose,
  seconds: number,
  salt: string,
): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(
    JSON.stringify(["device-challenge", act, origin, sid, refreshJti, seconds, salt]),
  );
}
