/**
 * The account page: a person's devices, and what ends them.
 *
 * @module
 */
import { Hono } from "hono";
import { failure } from "../../access/failure.ts";
import { loginLocation } from "../../access/login_location.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import { readFields } from "../../http/body.ts";
import type { Fields } from "../../http/body.ts";
import { allowOnly, refuse } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import { problemStatus } from "../../http/problem.ts";
import type { Problem } from "../../http/problem.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";
import { FORGET_PAGES } from "../session/session.ts";
import { accountPage } from "./account_html.ts";
import { leavePage } from "./leave_html.ts";
import { redirect, text, withRetryAfter } from "./page.ts";
import type { GatewayContext } from "./page.ts";
import type { PageRooms } from "./parts.ts";
import { noticeOf } from "./sign_in_page.ts";

/** `/account`, and its forms. */
export function accountPages({ parts, page, signIn, visitor }: PageRooms): Hono<GatewayEnv> {
  const { prefix, jar, csrf, sessions } = parts;
  const loginPath = `${prefix}/login`;
  const accountPath = `${prefix}/account`;
  const app = new Hono<GatewayEnv>();

  app.get("/account", async (c) => {
    const visiting = await visitor(c, null);
    if ("code" in visiting) return refuse(c, visiting);
    const { token, setCookies, expired } = visiting;
    if (token === null) return redirect(loginLocation(loginPath, accountPath, expired), setCookies);
    const [csrfToken, list] = await Promise.all([
      csrf.issue(token.sid),
      sessions.listOwn(token.subject),
    ]);
    return await page(c, 200, setCookies, (look) =>
      accountPage({
        ...look,
        action: accountPath,
        csrfToken,
        subject: token.subject,
        currentSid: token.sid,
        sessions: list,
        ended: c.req.query("ended") !== undefined,
      }));
  });
  allowOnly(app, "/account", ["GET"]);

  /** The store can not be told: this browser forgets the session all the same. */
  async function leaveHere(c: GatewayContext, csrfField: unknown): Promise<Response> {
    const { headers } = c.req.raw;
    const cookies = jar.read(headers.get("cookie"));
    const shown = typeof csrfField === "string" ? csrfField : null;
    const isGenuine = (await parts.findLeaving(c.env.inbound, cookies, shown)).kind !== "forged";
    const problem: Problem = { code: isGenuine ? "store_unavailable" : "csrf_failed" };
    return withRetryAfter(
      await signIn.show(c, {
        returnTo: accountPath,
        notice: isGenuine ? { kind: "signed_out_here" } : noticeOf(problem),
        status: problemStatus(problem.code),
        setCookies: isGenuine ? jar.clear() : [],
      }),
      problem,
    );
  }

  /** A form of the account page: CSRF checked, then done, then back to a page. */
  function accountForm(
    path: string,
    leaves: boolean,
    act: (c: GatewayContext, token: VerifiedToken, fields: Fields) => Promise<"stay" | "leave">,
  ): void {
    app.post(path, async (c) => {
      const body = await readFields(c.req.raw);
      if (body.kind === "problem") return refuse(c, body.problem);
      const field = body.fields["csrf_token"];
      let sid: string;
      try {
        const visiting = await visitor(c, field);
        if ("code" in visiting) {
          if (visiting.code === "store_unavailable") throw new StoreUnavailableError("no view");
          return refuse(c, visiting);
        }
        const { token, setCookies, expired } = visiting;
        if (token === null) {
          return redirect(loginLocation(loginPath, accountPath, expired), setCookies);
        }
        ({ sid } = token);
        if (await act(c, token, body.fields) === "stay") {
          return redirect(`${accountPath}?ended`, setCookies);
        }
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || !leaves) throw error;
        failure(error, c.get("around"));
        return await leaveHere(c, field);
      }
      const onward = await parts.leave?.(c, sid) ?? { url: null, setCookies: [] };
      const ending = [...jar.clear(), ...onward.setCookies];
      const { url } = onward;
      // A redirect of a form would have to be allowed by the policy of the page it stands on.
      const response = url === null
        ? redirect(`${loginPath}?reason=signed_out`, ending)
        : await page(c, 200, ending, (look) => leavePage({ ...look, url }));
      response.headers.set("clear-site-data", FORGET_PAGES);
      return response;
    });
    allowOnly(app, path, ["POST"]);
  }

  accountForm("/account/end", false, async (c, { subject, sid: own }, fields) => {
    const sid = text(fields, "sid");
    // Already gone is as good as ended.
    if (await sessions.endOwn(subject, sid)) {
      c.get("around").emit({ event: "session_revoked", subject, sid });
    }
    return sid === own ? "leave" : "stay";
  });

  accountForm("/account/sign-out", true, async (c, token) => {
    await sessions.endOf(token);
    const { subject, sid } = token;
    c.get("around").emit({ event: "session_revoked", subject, sid });
    return "leave";
  });

  accountForm("/account/sign-out-everywhere", true, async (c, { subject }) => {
    await sessions.end({ subject });
    c.get("around").emit({ event: "subject_revoked", subject });
    return "leave";
  });

  return app;
}
