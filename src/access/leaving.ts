/**
 * Whose session the cookies of a browser are about, for whoever leaves or comes
 * anew: good even when the tokens have expired. Lets nobody in.
 *
 * @module
 */
import type { GatewayCookies } from "../browser/cookies.ts";
import type { Csrf } from "../browser/csrf.ts";
import type { OriginRule } from "../browser/origin_rule.ts";
import type { HeaderReader } from "../http/headers.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";

/** Who wants to sign out. */
export type Leaving =
  | { readonly kind: "session"; readonly token: VerifiedToken }
  /** The cookies name no session of ours. */
  | { readonly kind: "nobody" }
  /** Another site sent this, or the CSRF token is not the session's. */
  | { readonly kind: "forged" };

/** Finds out who wants to sign out. `csrfToken` is what the request shows, header or form field. */
export type FindLeaving = (
  asking: { readonly headers: HeaderReader; readonly origin: string },
  cookies: GatewayCookies,
  csrfToken: string | null,
) => Promise<Leaving>;

/** Prepares {@link FindLeaving}. */
export function createFindLeaving(
  { isTrustedOrigin, csrf, verifier }: {
    readonly isTrustedOrigin: OriginRule;
    readonly csrf: Csrf;
    readonly verifier: Pick<TokenVerifier, "identify">;
  },
): FindLeaving {
  return async function findLeaving(inbound, cookies, csrfToken) {
    if (!isTrustedOrigin(inbound)) return { kind: "forged" };
    const token = await sessionOf(cookies, verifier);
    if (token === null) return { kind: "nobody" };
    return await csrf.check(token.sid, csrfToken, cookies.csrf)
      ? { kind: "session", token }
      : { kind: "forged" };
  };
}

/** The session that cookies are about, however old they are; `null`: none of ours. */
export async function sessionOf(
  cookies: Pick<GatewayCookies, "access" | "refresh">,
  verifier: Pick<TokenVerifier, "identify">,
): Promise<VerifiedToken | null> {
  for (const type of ["refresh", "access"] as const) {
    const value = cookies[type];
    if (value === null) continue;
    const token = await verifier.identify(value, type);
    if (typeof token !== "string") return token;
  }
  return null;
}
