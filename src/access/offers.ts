/**
 * Asking browsers to bind their session to a key of the device: a header of Device Bound
 * Session Credentials (https://www.w3.org/TR/dbsc/) that rides on the answer.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Challenges } from "../binding/challenge.ts";
import { registration, REGISTRATION_HEADER } from "../binding/dbsc.ts";
import type { GatewayCookies } from "../browser/cookies.ts";
import { isNavigation } from "../browser/navigation.ts";
import type { Surroundings } from "../http/around.ts";
import type { Asking } from "../http/inbound.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";

/** The header line of an offer. */
export interface OfferHeader {
  readonly name: string;
  readonly value: string;
}

/** Makes offers, and hands them out where the answer leaves. */
export interface DeviceOffers {
  /** Offers to bind an unbound session whose tokens are on their way to a browser. */
  offer(
    asked: Pick<Asking, "origin" | "around">,
    session: { readonly sid: string; readonly refreshJti: string },
  ): Promise<void>;
  /**
   * Offers it again where a browser that goes somewhere still has an unbound session: it
   * began before there were offers, or the first one was lost.
   */
  onSight(
    asking: Pick<Asking, "method" | "headers" | "origin" | "around">,
    token: VerifiedToken,
    cookies: Pick<GatewayCookies, "refresh">,
  ): Promise<void>;
  /** The header of the answer to a request; `null`: nothing was offered. */
  headerFor(around: Surroundings): OfferHeader | null;
  /** Whether a session has been without a key for longer than it may. */
  isOverdue(token: Pick<VerifiedToken, "bound" | "sessionCreatedAtMs">): boolean;
}

/** A browser that can bind its session has done it by then. */
const REGISTERS_WITHIN_SECONDS = 10;

/**
 * Prepares {@link DeviceOffers}. `requiredAfterMs`: see `DeviceBindingOptions`. A session that is
 * from further ahead than `clockToleranceSeconds` is infinitely old: the clock was set back.
 */
export function createDeviceOffers(
  { challenges, verifier, clock, path, requiredAfterMs, clockToleranceSeconds }: {
    readonly challenges: Challenges;
    readonly verifier: Pick<TokenVerifier, "verify">;
    readonly clock: Clock;
    /** Of the registration. */
    readonly path: string;
    readonly requiredAfterMs: number | null;
    readonly clockToleranceSeconds: number;
  },
): DeviceOffers {
  /** By request; what is never asked for goes with it. */
  const offered = new WeakMap<Surroundings, OfferHeader>();

  async function offer(
    { origin, around }: Pick<Asking, "origin" | "around">,
    { sid, refreshJti }: { readonly sid: string; readonly refreshJti: string },
  ): Promise<void> {
    const challenge = await challenges.issue({ act: "register", origin, sid, refreshJti });
    offered.set(around, { name: REGISTRATION_HEADER, value: registration(path, challenge) });
  }

  function isOverdue({ bound, sessionCreatedAtMs }: Parameters<DeviceOffers["isOverdue"]>[0]) {
    if (requiredAfterMs === null || bound !== null) return false;
    const ageMs = clock() - sessionCreatedAtMs;
    return ageMs > requiredAfterMs || ageMs < -clockToleranceSeconds * 1000;
  }

  return {
    offer,
    isOverdue,
    async onSight(asking, token, cookies) {
      const isAsked = isNavigation(asking.method, asking.headers) || isOverdue(token);
      // Its tokens came with an offer; two at once would make the browser register twice.
      const ageSeconds = clock() / 1000 - token.issuedAtSeconds;
      const isUnderWay = Math.abs(ageSeconds) < REGISTERS_WITHIN_SECONDS;
      if (!isAsked || isUnderWay || cookies.refresh === null) return;
      const refresh = await verifier.verify(cookies.refresh, "refresh");
      if (typeof refresh === "string" || refresh.sid !== token.sid || refresh.isLegacy) return;
      await offer(asking, { sid: token.sid, refreshJti: refresh.jti });
    },
    headerFor: (around) => offered.get(around) ?? null,
  };
}
