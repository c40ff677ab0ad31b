/**
 * A session as cookies.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { CookieJar } from "../browser/cookies.ts";
import type { Csrf } from "../browser/csrf.ts";
import type { Asking } from "../http/inbound.ts";
import type { SignedIn } from "../sessions/sessions.ts";
import type { DeviceOffers } from "./offers.ts";

/** A pair on its way to a browser. */
export interface CookieSession {
  readonly signedIn: SignedIn;
  readonly csrfToken: string;
  readonly setCookies: readonly string[];
}

/**
 * Puts a pair into cookies, for the browser that asks; throws `ClaimsTooLargeError` before
 * anything is set. Every sign-in and every renewal of a browser comes through here, so it is
 * here that a browser is asked to bind its session.
 */
export type ToCookies = (
  signedIn: SignedIn,
  asked: Pick<Asking, "origin" | "around">,
) => Promise<CookieSession>;

/** Prepares {@link ToCookies}; `offers` is `null` where sessions are not bound. */
export function createToCookies(
  { jar, csrf, clock, offers }: {
    readonly jar: CookieJar;
    readonly csrf: Csrf;
    readonly clock: Clock;
    readonly offers: DeviceOffers | null;
  },
): ToCookies {
  return async function toCookies(signedIn, asked) {
    const { session: { sid, bound }, pair } = signedIn;
    const csrfToken = await csrf.issue(sid);
    const setCookies = jar.issue(pair, csrfToken, clock(), bound?.by === "dbsc");
    if (offers !== null && bound === null) {
      await offers.offer(asked, { sid, refreshJti: pair.refreshJti });
    }
    return { signedIn, csrfToken, setCookies };
  };
}
