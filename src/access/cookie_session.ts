/**
 * A session as cookies.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { CookieJar } from "../browser/cookies.ts";
import type { Csrf } from "../browser/csrf.ts";
import type { SignedIn } from "../sessions/sessions.ts";

/** A pair on its way to a browser. */
export interface CookieSession {
  readonly signedIn: SignedIn;
  readonly csrfToken: string;
  readonly setCookies: readonly string[];
}

/** Puts a pair into cookies; throws `CookieTooLargeError` before anything is set. */
export type ToCookies = (signedIn: SignedIn) => Promise<CookieSession>;

/** Prepares {@link ToCookies}. */
export function createToCookies(
  { jar, csrf, clock }: {
    readonly jar: CookieJar;
    readonly csrf: Csrf;
    readonly clock: Clock;
  },
): ToCookies {
  return async function toCookies(signedIn) {
    const csrfToken = await csrf.issue(signedIn.session.sid);
    return { signedIn, csrfToken, setCookies: jar.issue(signedIn.pair, csrfToken, clock()) };
  };
}
