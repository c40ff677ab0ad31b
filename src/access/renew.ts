/**
 * A cookie session, renewed: rotation, its audit event, and the new cookies.
 *
 * @module
 */
import { SKIPPED_HEADER } from "../binding/dbsc.ts";
import type { CookieJar } from "../browser/cookies.ts";
import type { Asking } from "../http/inbound.ts";
import { presenterOf } from "../http/presenter.ts";
import type { Problem } from "../http/problem.ts";
import type { RefreshOutcome, Sessions } from "../sessions/sessions.ts";
import type { CookieSession, ToCookies } from "./cookie_session.ts";
import { endsSession, refreshProblem } from "./renewal_problem.ts";

/** A new pair in cookies, or why there is none. */
export type Renewal =
  | { readonly kind: "renewed"; readonly session: CookieSession }
  | {
    readonly kind: "refused";
    readonly problem: Problem;
    /** They take away what is good for nothing any more. */
    readonly setCookies: readonly string[];
  };

/** Exchanges the refresh token of a cookie; what proves that the request is genuine comes before. */
export type Renew = (
  asking: Pick<Asking, "around" | "origin" | "signal"> & {
    readonly headers: { get(name: string): string | null };
  },
  refreshToken: string,
  /** Thumbprint of the key that the request has proven. */
  provenJkt?: string,
) => Promise<Renewal>;

/** Prepares {@link Renew}. */
export function createRenew(
  { sessions, toCookies, jar }: {
    readonly jar: CookieJar;
    readonly sessions: Pick<Sessions, "refresh">;
    readonly toCookies: ToCookies;
  },
): Renew {
  function takenBack(outcome: RefreshOutcome, problem: Problem): readonly string[] {
    if (endsSession(problem)) return jar.clear();
    // A browser that binds sessions renews this one by itself where the access cookie is gone;
    // an old one that was left behind would keep it from that.
    const isBrowsers = outcome.kind === "unproven" && outcome.bound.by === "dbsc";
    return isBrowsers && problem.code === "binding_required" ? [jar.clearAccess()] : [];
  }

  return async function renew({ headers, around, origin, signal }, refreshToken, provenJkt) {
    const presenter = presenterOf(headers, signal, around);
    const refreshing = sessions.refresh(
      refreshToken,
      provenJkt === undefined ? presenter : { ...presenter, provenJkt },
    );
    // Whoever hangs up takes the work along on some runtimes, and what a provider gave for it.
    around.waitUntil(refreshing.catch(() => {}));
    const outcome = await refreshing;
    if (outcome.kind !== "refreshed") {
      const told = refreshProblem(outcome, around);
      // A browser that has the key, and could not renew the session before it asked.
      const isLate = outcome.kind === "unproven" && headers.get(SKIPPED_HEADER) !== null;
      const problem: Problem = isLate ? { code: "store_unavailable" } : told;
      return { kind: "refused", problem, setCookies: takenBack(outcome, problem) };
    }
    const { session } = outcome.signedIn;
    around.emit({
      event: "refresh",
      subject: session.subject,
      sid: session.sid,
      replayed: outcome.replayed,
    });
    return { kind: "renewed", session: await toCookies(outcome.signedIn, { origin, around }) };
  };
}
