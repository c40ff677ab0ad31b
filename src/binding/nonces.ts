/**
 * Nonces for proofs (RFC 9449 §8), without a store: an HMAC of ours over a slot
 * of time. All instances that share the key ring know each other's.
 *
 * @module
 */
import { encode } from "jose/base64url";
import type { Clock } from "../base/clock.ts";

/** Gives out nonces and knows them again. */
export interface Nonces {
  /** The nonce of this moment. */
  current(): Promise<string>;
  /** When a nonce was first given out, epoch seconds; `null`: not one of ours, or too old. */
  issuedAtSeconds(nonce: string): Promise<number | null>;
  /** How long a nonce can be used at most, in seconds. */
  readonly lifeSeconds: number;
}

/** One nonce serves everybody for so long; nothing in it is secret. */
const SLOT_SECONDS = 10;
const SLOTS = 30;

/**
 * Prepares nonces of five minutes. The first key makes them, all keys check, as
 * in the key ring. The nonces of all slots that count are made once a slot;
 * after that each is one look into a map of a few entries.
 */
export function createNonces(hmacKeys: readonly CryptoKey[], clock: Clock): Nonces {
  const [first] = hmacKeys;
  if (first === undefined) throw new TypeError("a key ring has at least one HMAC key");
  let known: SlotNonces | null = null;

  async function make(slot: number): Promise<SlotNonces> {
    // One slot ahead: another instance's clock may be.
    const slots = Array.from({ length: SLOTS + 1 }, (_, index) => slot + 1 - index);
    const entries = slots.flatMap((each) =>
      hmacKeys.map(async (key): Promise<[string, number]> => [
        await nonceOf(key, each),
        each * SLOT_SECONDS,
      ])
    );
    return {
      slot,
      current: await nonceOf(first as CryptoKey, slot),
      all: new Map(await Promise.all(entries)),
    };
  }

  /** What is kept is the result, not the promise: on Workers no request may wait for another's work. */
  async function nonces(): Promise<SlotNonces> {
    const slot = Math.floor(clock() / 1000 / SLOT_SECONDS);
    return known?.slot === slot ? known : known = await make(slot);
  }

  return {
    lifeSeconds: SLOT_SECONDS * (SLOTS + 1),
    current: async () => (await nonces()).current,
    issuedAtSeconds: async (nonce) => (await nonces()).all.get(nonce) ?? null,
  };
}

interface SlotNonces {
  readonly slot: number;
  readonly current: string;
  /** All that count in this slot, with the seconds of their own. */
  readonly all: ReadonlyMap<string, number>;
}

async function nonceOf(key: CryptoKey, slot: number): Promise<string> {
  const mac = await crypto.subtle.sign(
    "HMAC",
    key,
    new TextEncoder().encode(`dpop-nonce\n${slot}`),
  );
  return encode(new Uint8Array(mac));
}
