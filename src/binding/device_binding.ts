/**
 * What binds browsers' sessions to a key of the device, whichever way the key is proven.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { type Challenges, createChallenges } from "./challenge.ts";
import type { Once } from "./once.ts";
import { createDeviceProofs, type DeviceProofs } from "./device.ts";

/** Challenges, and the checks of their answers. */
export interface DeviceBinding {
  readonly challenges: Challenges;
  readonly proofs: DeviceProofs;
}

/** A browser registers at once; afterwards it is given another offer. */
const REGISTRATION_SECONDS = 300;
/** The challenge of the next refresh comes with the last one: it outlives the access token. */
const REFRESH_MARGIN_SECONDS = 300;
/** Proofs remembered against replay, in each instance. */
const REPLAY_ENTRIES = 100_000;

/** Prepares it with the HMAC keys of the key ring. */
export function createDeviceBinding(
  { hmacKeys, clock, once, accessTtlSeconds, clockToleranceSeconds }: {
    readonly hmacKeys: readonly CryptoKey[];
    readonly clock: Clock;
    /** See {@link createDeviceProofs}. */
    readonly once: Once;
    readonly accessTtlSeconds: number;
    readonly clockToleranceSeconds: number;
  },
): DeviceBinding {
  const lifeSeconds = {
    register: REGISTRATION_SECONDS,
    refresh: accessTtlSeconds + REFRESH_MARGIN_SECONDS,
  };
  const challenges = createChallenges({ hmacKeys, lifeSeconds, clockToleranceSeconds, clock });
  return {
    challenges,
    proofs: createDeviceProofs({
      challenges,
      clock,
      lifeSeconds: Math.max(lifeSeconds.register, lifeSeconds.refresh) + clockToleranceSeconds,
      replayEntries: REPLAY_ENTRIES,
      once,
    }),
  };
}
