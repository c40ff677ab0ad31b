/**
 * Who is looking at a page.
 *
 * @module
 */
import { isSafeMethod, isSameOrigin } from "../../browser/csrf.ts";
import type { Problem } from "../../http/problem.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";
import { asksScript } from "../device/script.ts";
import type { BrowserParts } from "../session/sign_in_form.ts";
import type { GatewayContext } from "./page.ts";

/** Who is looking at a page, and the cookies that must ride on the answer. */
export interface Visitor {
  readonly token: VerifiedToken | null;
  readonly setCookies: readonly string[];
  /** Tokens were there and are good for nothing any more. */
  readonly expired: boolean;
  /** But a script has the key that would renew them. */
  readonly needsScript?: boolean;
  /** But the browser may have it, and will renew them once an old access cookie has gone. */
  readonly needsBrowser?: boolean;
}

/** Names the visitor by cookie; an expired access token is rotated in passing. */
export type NameVisitor = (
  c: GatewayContext,
  /** What a form shows for the CSRF token. */
  csrfField: unknown,
) => Promise<Visitor | Problem>;

/** Prepares {@link NameVisitor}. */
export function createVisitor(
  { jar, csrf, authenticate, verifier, sessions, renew }: Pick<
    BrowserParts,
    "jar" | "csrf" | "authenticate" | "verifier" | "sessions" | "renew"
  >,
): NameVisitor {
  return async function visitor(c, csrfField) {
    const { headers } = c.req.raw;
    const around = c.get("around");
    const cookies = jar.read(headers.get("cookie"));
    if (cookies.conflicting) return { code: "ambiguous_credentials" };
    const isForged = async (sid: string): Promise<boolean> =>
      !isSafeMethod(c.req.method) && !(isSameOrigin(headers, c.env.inbound.origin) &&
        await csrf.check(sid, typeof csrfField === "string" ? csrfField : null, cookies.csrf));

    if (cookies.access !== null) {
      const token = await authenticate(cookies.access, around.waitUntil);
      if (token === "store_unavailable") return { code: token };
      // No cookie is a proof: a token that needs one was put there by somebody who has none.
      if (typeof token !== "string" && token.bound?.by !== "dpop") {
        if (await isForged(token.sid)) return { code: "csrf_failed" };
        // Asked past the view: a page about sessions, and whoever was just turned away, must
        // not be told what was true some seconds ago.
        if (await sessions.status(token) === "live") {
          return { token, setCookies: [], expired: false };
        }
      }
    }
    const nobody = { token: null, setCookies: [], expired: false };
    if (cookies.refresh === null) return nobody;
    const refresh = await verifier.identify(cookies.refresh, "refresh");
    // Of a key that has not spread yet, or another app's on this host: not ours to clear.
    if (typeof refresh === "string") return { ...nobody, expired: true };
    if (await isForged(refresh.sid)) return { code: "csrf_failed" };
    // Nothing but a script can prove its key: it is not even tried, nor told of as an attempt.
    if (refresh.bound?.by === "script") return { ...nobody, expired: true, needsScript: true };
    const renewal = await renew(c.env.inbound, cookies.refresh);
    if (renewal.kind === "refused") {
      // A key that is lost comes back no more: whoever it was signs in again, and has a new one.
      if (renewal.problem.code === "binding_required") {
        const { setCookies } = renewal;
        const needsScript = asksScript(renewal.problem);
        const needsBrowser = setCookies.length > 0 && cookies.access !== null;
        return { ...nobody, setCookies, expired: true, needsScript, needsBrowser };
      }
      if (renewal.setCookies.length === 0) return renewal.problem;
      return { ...nobody, setCookies: renewal.setCookies, expired: true };
    }
    const { signedIn, setCookies } = renewal.session;
    const token = await authenticate(signedIn.pair.access, around.waitUntil);
    if (typeof token === "string") return { code: token };
    return { token, setCookies, expired: false };
  };
}
