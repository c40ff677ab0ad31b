/**
 * Codes by which one host of ours hands a signed-in person over to another: sealed,
 * short-lived, good once.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { JsonValue } from "../base/json.ts";
import type { Once } from "../sessions/once.ts";
import type { Seal } from "../tokens/seal.ts";

/** What a code stands for. */
export interface Handover {
  /** The session at the host of sign-in. */
  readonly sid: string;
  /** Origin that may take the code. */
  readonly to: string;
  /** Hash of what only the browser that asked for it knows. */
  readonly state: string;
  /** When the access token ends that the session was shown by, epoch seconds. */
  readonly accessEndSeconds: number;
}

/** Gives and takes codes. */
export interface Handovers {
  give(handover: Handover): Promise<string>;
  /** `null`: not a code of ours, too old, for another host, or taken before. */
  take(code: string, to: string): Promise<Handover | null>;
}

/** A redirect takes no longer. */
const LIFE_MS = 30_000;
/** How long a taken code is remembered; longer than it lives. */
const HOLD_MS = 2 * LIFE_MS;

/** Prepares hand-overs. */
export function createHandovers({ seal, once, clock }: {
  readonly seal: Seal;
  readonly once: Once;
  readonly clock: Clock;
}): Handovers {
  return {
    give(handover) {
      return seal.seal({ ...handover, id: crypto.randomUUID(), exp: clock() + LIFE_MS });
    },

    async take(code, to) {
      const said = await seal.open(code);
      if (!isRecord(said)) return null;
      const { sid, to: meant, state, id, exp, accessEndSeconds } = said;
      if (typeof sid !== "string" || typeof state !== "string" || typeof id !== "string") {
        return null;
      }
      if (typeof accessEndSeconds !== "number") return null;
      if (meant !== to || typeof exp !== "number" || clock() >= exp) return null;
      const isFirst = await once(`handover:${id}`, clock() + HOLD_MS);
      return isFirst ? { sid, to, state, accessEndSeconds } : null;
    },
  };
}

function isRecord(value: JsonValue | null): value is { readonly [name: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
