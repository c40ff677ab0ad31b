/**
 * How often somebody may guess a password. Only failures count, and whoever guesses
 * shuts out himself: wrong passwords from one address shut that address out for that
 * name; the name as a whole only becomes slow, and not for browsers that its owner has
 * signed in with before.
 *
 * @module
 */
import ipaddr from "ipaddr.js";
import type { AttemptCounter } from "../store/attempts.ts";
import type { SessionStore } from "../store/port.ts";
import type { KnownDevice } from "./device.ts";
import { foldName, MAX_NAME_LENGTH } from "./name.ts";
import type { ThrottleOptions } from "./options.ts";

/** A password that is about to be tried. */
export interface Guess {
  /** As it was typed. */
  readonly name: string;
  readonly address: string;
  /** The browser, if somebody of this name has signed in with it. */
  readonly device: KnownDevice | null;
}

/** Whether it may be tried. */
export type Turn =
  | {
    readonly kind: "allowed";
    /**
     * Says how it ended. `unknown`: nobody can tell whether it was a guess; its place
     * comes free after some seconds.
     */
    settle(result: "failed" | "succeeded" | "unknown"): Promise<void>;
  }
  | { readonly kind: "throttled"; readonly retryAfterSeconds: number };

/** Counts guesses. */
export interface Throttle {
  /** Takes a place for one guess, in one round trip to the store. */
  take(guess: Guess): Promise<Turn>;
  /** Names somebody in the log without saying who it is: what is typed as a name may be a password. */
  hashName(name: string): Promise<string>;
}

/** For the name alone: how many times the failures of one address, before it is slow or full. */
const SLOW_FACTOR = 2;
const FULL_FACTOR = 10;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** How long an attempt waits for a place that another one under way may give back. */
const PLACE_PAUSES_MS = [100, 200, 400, 800, 1_000];

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Prepares the throttle. `counterKey` makes names and addresses unreadable in the store. */
export function createThrottle(
  { store, options, counterKey, pause = sleep }: {
    readonly store: Pick<SessionStore, "reserveAttempt" | "settleAttempt">;
    readonly options: ThrottleOptions;
    readonly counterKey: CryptoKey;
    /** Waits for so many milliseconds. */
    readonly pause?: (ms: number) => Promise<void>;
  },
): Throttle {
  const { windowMs, holdMs, perUser, perAddress } = options;
  const encoder = new TextEncoder();

  async function keyed(...parts: readonly string[]): Promise<string> {
    const message = encoder.encode(parts.join("\n"));
    const mac = await crypto.subtle.sign("HMAC", counterKey, message);
    return `${parts[0]}:${new Uint8Array(mac).subarray(0, 16).toHex()}`;
  }

  function countersOf({ name, address, device }: Guess): Promise<AttemptCounter[]> {
    const folded = foldName(name);
    if (device !== null) {
      return Promise.all([counter(perUser, "device", device.id, folded)]);
    }
    const blocks = addressBlocks(address);
    const delay = { from: perUser * SLOW_FACTOR, firstMs: FIRST_WAIT_MS, mostMs: LONGEST_WAIT_MS };
    return Promise.all([
      // A whole site shuts out itself before it could shut out the name.
      ...blocks.map((block, index) => counter(perUser * 2 ** index, "pair", block, folded)),
      counter(perUser * FULL_FACTOR, "user", folded).then((all) => ({ ...all, delay })),
      ...blocks.map((block, index) => counter(perAddress * 4 ** index, "address", block)),
    ]);
  }

  async function counter(limit: number, ...parts: readonly string[]): Promise<AttemptCounter> {
    return { key: await keyed(...parts), limit };
  }

  return {
    async take(guess) {
      const counters = await countersOf(guess);
      const attempt = { id: crypto.randomUUID(), counters, windowMs };
      // A place is taken before the question is asked: parallel guesses find no gap.
      let place = await store.reserveAttempt({ ...attempt, holdMs });
      // Twenty jobs of one account that sign in at once are no guesses: their places come
      // free in a moment. Places that failures hold do not, and nobody waits for them.
      for (const pauseMs of PLACE_PAUSES_MS) {
        if (place.allowed || place.retryAfterMs > holdMs) break;
        await pause(pauseMs);
        place = await store.reserveAttempt({ ...attempt, holdMs });
      }
      if (!place.allowed) {
        return { kind: "throttled", retryAfterSeconds: Math.ceil(place.retryAfterMs / 1000) };
      }
      return {
        kind: "allowed",
        settle: (result) => store.settleAttempt({ ...attempt, result }),
      };
    },
    async hashName(name) {
      const hash = await keyed("name", foldName(name.slice(0, MAX_NAME_LENGTH)));
      return hash.slice("name:".length, "name:".length + 16);
    },
  };
}

/**
 * What counts as one client address: an IPv4 address, or the /64 that an IPv6 host can
 * pick its addresses from. Behind it the /56 and the /48 that a site has of them.
 */
export function addressBlocks(address: string): readonly string[] {
  if (!ipaddr.isValid(address)) return [address];
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return [parsed.toString()];
  return [64, 56, 48].map((bits) =>
    `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${bits}`).toString()}/${bits}`
  );
}
