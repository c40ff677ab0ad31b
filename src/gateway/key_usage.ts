/**
 * Which key of the ring verified a token when, so that an operator can see which one nobody needs
 * any more.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";

/** Remembers keys. */
export interface KeyUsage {
  /** The same verifier; what it finds good is noted. */
  watch(verifier: TokenVerifier): TokenVerifier;
  /** When a token with this `kid` was last found good (epoch milliseconds), to the minute. */
  lastVerifiedAtMs(kid: string): number | null;
}

/** A key that is in use need not be noted more often. */
const STEP_MS = 60_000;

/** Starts with nothing seen. All tokens of one key have the same header: there are few of them. */
export function createKeyUsage(clock: Clock): KeyUsage {
  const byHeader = new Map<string, number>();

  function note(token: string): void {
    const header = token.slice(0, token.indexOf("."));
    const nowMs = clock();
    if (nowMs - (byHeader.get(header) ?? 0) > STEP_MS) byHeader.set(header, nowMs);
  }

  return {
    watch(verifier) {
      return {
        identify: verifier.identify,
        verify(token, expected) {
          const found = verifier.verify(token, expected);
          if (found instanceof Promise) return found.then((each) => noted(token, each));
          return noted(token, found);
        },
      };
    },
    lastVerifiedAtMs(kid) {
      let last: number | null = null;
      for (const [header, atMs] of byHeader) {
        if (kidOf(header) === kid) last = Math.max(last ?? 0, atMs);
      }
      return last;
    },
  };

  function noted<T extends VerifiedToken | string>(token: string, found: T): T {
    if (typeof found !== "string") note(token);
    return found;
  }
}

function kidOf(header: string): unknown {
  try {
    return JSON.parse(atob(header.replaceAll("-", "+").replaceAll("_", "/"))).kid;
  } catch {
    return null;
  }
}
