/**
 * Signing in on a page, with and without a script.
 *
 * @module
 */
import { Hono } from "hono";
import { failure } from "../../access/failure.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import { isFormNavigation } from "../../browser/navigation.ts";
import { safeReturnTo } from "../../browser/return_to.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import { problemStatus } from "../../http/problem.ts";
import type { Problem } from "../../http/problem.ts";
import { isOidcReason } from "../oidc/reasons.ts";
import type { SignInAttempt } from "../session/sign_in_form.ts";
import { redirect, text, withRetryAfter } from "./page.ts";
import type { PageRooms } from "./parts.ts";
import { KEY_MISSING, renewLocation } from "./renew.ts";
import { noticeOf } from "./sign_in_page.ts";
import type { Visitor } from "./visitor.ts";

/** Says in the query that a browser was sent here to be without an old cookie. */
const AGAIN = "again";

/** `/login`: the page, and its form. */
export function signInPages({ parts, signIn, visitor }: PageRooms): Hono<GatewayEnv> {
  const { prefix, jar } = parts;
  const app = new Hono<GatewayEnv>();

  app.get("/login", async (c) => {
    const returnTo = safeReturnTo(c.req.query("return_to"), prefix);
    const reason = c.req.query("reason");
    let visiting: Visitor | Problem;
    try {
      visiting = await visitor(c, null);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      visiting = { code: "store_unavailable" };
    }
    if ("code" in visiting) {
      return withRetryAfter(
        await signIn.show(c, {
          returnTo,
          notice: noticeOf(visiting),
          status: problemStatus(visiting.code),
          // Two cookies of one name: whichever it was, it is of no use.
          setCookies: visiting.code === "ambiguous_credentials" ? jar.clear() : [],
        }),
        visiting,
      );
    }
    const { token, setCookies, expired } = visiting;
    const mayRenew = visiting.needsScript === true && parts.device !== null;
    if (mayRenew && reason !== KEY_MISSING) return redirect(renewLocation(prefix, returnTo));
    // Once more without that cookie: a browser with the key comes back signed in. Where the
    // cookie can not be taken away, once is enough.
    if (visiting.needsBrowser === true && c.req.query(AGAIN) === undefined) {
      const query = new URLSearchParams({ return_to: returnTo, [AGAIN]: "" });
      return redirect(`${prefix}/login?${query}`, setCookies);
    }
    // Who is signed in and has something to read must not be sent where it would begin anew.
    const hasWords = isOidcReason(reason) && reason !== "start_again";
    if (token !== null && !hasWords) return redirect(returnTo, setCookies);
    const only = signIn.straightOn(c, reason);
    if (only !== null) return redirect(signIn.startOf(only, returnTo), setCookies);
    return await signIn.show(c, {
      returnTo,
      notice: signIn.noticeOfReason(c, expired),
      setCookies,
    });
  });

  app.post("/login", async (c, next) => {
    if (!isFormNavigation(c.req.raw)) return await next();
    let attempt: SignInAttempt;
    try {
      attempt = await parts.attemptSignIn(c);
    } catch (error) {
      // The audit event; a person gets the page instead of the problem document.
      failure(error, c.get("around"));
      if (!(error instanceof StoreUnavailableError)) throw error;
      attempt = { kind: "failed", problem: { code: "store_unavailable" }, fields: {} };
    }
    const returnTo = safeReturnTo(text(attempt.fields, "return_to"), prefix);
    if (attempt.kind === "signed_in") return redirect(returnTo, attempt.session.setCookies);
    const { problem, fields } = attempt;
    return withRetryAfter(
      await signIn.show(c, {
        returnTo,
        username: text(fields, "username"),
        notice: noticeOf(problem),
        status: problemStatus(problem.code),
      }),
      problem,
    );
  });

  return app;
}
