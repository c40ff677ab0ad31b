/**
 * The cookie transport: sign-in, refresh and sign-out for browsers. Tokens
 * travel in cookies that no script can read.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type { CookieSession } from "../../access/cookie_session.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import type { GatewayCookies } from "../../browser/cookies.ts";
import { allowOnly, fail, refuse } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Problem } from "../../http/problem.ts";
import { isOurs } from "../../tokens/claims.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";
import { createScriptKeys } from "../device/script.ts";
import { bindingOf, sessionJsonFor, sessionJsonOf } from "./session_json.ts";
import type { BrowserParts } from "./sign_in_form.ts";

type GatewayContext = Context<GatewayEnv>;

/** `Clear-Site-Data` of a sign-out: the back button must not show what was private. */
export const FORGET_PAGES = '"cache"';

const NOWHERE = { url: null, setCookies: [] };

/** The endpoints under `/auth` that browsers use. */
export function cookieTransport(parts: BrowserParts): Hono<GatewayEnv> {
  const { jar, csrf, attemptSignIn, sessions, verifier, identify, renew } = parts;
  const { findLeaving, leave, isTrustedOrigin } = parts;
  const ownRule = { transparent: false, strict: false, cors: parts.ownCors };
  const binds = parts.device !== null;
  const scriptKeys = parts.device === null ? null : createScriptKeys(parts.device);
  const app = new Hono<GatewayEnv>();

  function withCookies(response: Response, setCookies: readonly string[]): Response {
    response.headers.set("cache-control", "no-store");
    for (const cookie of setCookies) response.headers.append("set-cookie", cookie);
    return response;
  }

  function answerSignedIn(c: GatewayContext, cookieSession: CookieSession): Response {
    return withCookies(c.json(sessionJsonOf(cookieSession, binds)), cookieSession.setCookies);
  }

  async function signedOut(c: GatewayContext, sid: string | null): Promise<Response> {
    const { url, setCookies } = sid === null ? NOWHERE : await leave?.(c, sid) ?? NOWHERE;
    const response = withCookies(
      url === null ? c.body(null, 204) : c.json({ continue: url }),
      [...jar.clear(), ...setCookies],
    );
    response.headers.set("clear-site-data", FORGET_PAGES);
    return response;
  }

  /** The caller of an endpoint that needs a valid access token; CSRF checked where it is unsafe. */
  async function caller(
    c: GatewayContext,
  ): Promise<{ token: VerifiedToken } | { problem: Problem }> {
    const { inbound } = c.env;
    const named = await identify(inbound, parts.readCredential(inbound.headers), ownRule);
    if ("problem" in named) return named;
    // Behind a token that others signed there is no session to show or to end.
    const { token, nonce } = named;
    if (nonce !== null) c.header("dpop-nonce", nonce);
    return isOurs(token) ? { token } : { problem: { code: "token_invalid" } };
  }

  async function passesCsrf(
    c: GatewayContext,
    sid: string,
    cookies: GatewayCookies,
  ): Promise<boolean> {
    const { headers } = c.req.raw;
    return isTrustedOrigin(c.env.inbound) &&
      await csrf.check(sid, headers.get("x-csrf-token"), cookies.csrf);
  }

  app.post("/login", async (c) => {
    const attempt = await attemptSignIn(c);
    return attempt.kind === "failed"
      ? fail(c, attempt.problem)
      : answerSignedIn(c, attempt.session);
  });
  allowOnly(app, "/login", ["GET", "POST"]);

  app.post("/refresh", async (c) => {
    const around = c.get("around");
    const { headers } = c.req.raw;
    if (!isTrustedOrigin(c.env.inbound)) return refuse(c, { code: "csrf_failed" });
    const cookies = jar.read(headers.get("cookie"));
    if (cookies.conflicting) return refuse(c, { code: "ambiguous_credentials" });
    if (cookies.refresh === null) return refuse(c, { code: "refresh_missing" });
    const token = await verifier.identify(cookies.refresh, "refresh");
    if (typeof token === "string") {
      around.emit({ event: "refresh_denied", reason: token });
      // Of a key that has not spread yet, or another app's on this host: not ours to clear.
      return fail(c, { code: token === "unknown_key" ? "unknown_key" : "refresh_invalid" });
    }
    if (!(await passesCsrf(c, token.sid, cookies))) return refuse(c, { code: "csrf_failed" });
    const proof = await scriptKeys?.prove(c, token) ?? { kind: "none" };
    if (proof.kind === "answered") return withCookies(proof.response, []);
    const jkt = proof.kind === "proven" ? proof.jkt : undefined;
    const renewal = await renew(c.env.inbound, cookies.refresh, jkt);
    if (renewal.kind === "renewed") return answerSignedIn(c, renewal.session);
    const { problem, setCookies } = renewal;
    const response = await scriptKeys?.challenge(c, token, problem) ?? fail(c, problem);
    return withCookies(response, setCookies);
  });
  allowOnly(app, "/refresh", ["POST"]);

  /** Whose session a sign-out is about: good even when the tokens have expired. */
  async function signingOut(c: GatewayContext): Promise<
    { token: VerifiedToken | null; cookies: boolean } | { problem: Problem }
  > {
    const { headers } = c.req.raw;
    const credential = parts.readCredential(headers);
    if (credential.kind === "refused") return { problem: { code: credential.code } };
    if (credential.kind === "bearer") {
      const token = await verifier.identify(credential.token, "access");
      if (typeof token === "string") return { problem: { code: "token_invalid" } };
      return { token, cookies: false };
    }
    const leaving = await findLeaving(
      c.env.inbound,
      credential.cookies,
      headers.get("x-csrf-token"),
    );
    if (leaving.kind === "forged") return { problem: { code: "csrf_failed" } };
    return { token: leaving.kind === "session" ? leaving.token : null, cookies: true };
  }

  /**
   * Ends what a sign-out is about. Where the store can not be told, the cookies go all
   * the same, and the answer says that the session itself is still to be ended.
   */
  async function signOut(
    c: GatewayContext,
    { cookies: usesCookies, token }: {
      readonly token: VerifiedToken | null;
      readonly cookies: boolean;
    },
    end: () => Promise<void>,
  ): Promise<Response> {
    try {
      await end();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || !usesCookies) throw error;
      c.get("around").emit({ event: "store_unavailable", reason: error.message });
      const detail = "You are signed out in this browser, but the session could not be ended " +
        "everywhere. Please sign out again later.";
      return withCookies(fail(c, { code: "store_unavailable", detail }), jar.clear());
    }
    return await signedOut(c, token?.sid ?? null);
  }

  app.post("/logout", async (c) => {
    const who = await signingOut(c);
    if ("problem" in who) return refuse(c, who.problem);
    const { token } = who;
    return await signOut(c, who, async () => {
      if (token === null) return;
      await sessions.endOf(token);
      const { subject, sid } = token;
      c.get("around").emit({ event: "session_revoked", subject, sid });
    });
  });
  allowOnly(app, "/logout", ["POST"]);

  app.post("/logout/all", async (c) => {
    const leaving = await signingOut(c);
    if ("problem" in leaving) return refuse(c, leaving.problem);
    // Ending other devices' sessions takes a session that still stands.
    const who = await caller(c);
    if ("problem" in who && who.problem.code !== "store_unavailable") {
      return refuse(c, who.problem);
    }
    return await signOut(c, leaving, async () => {
      if ("problem" in who) throw new StoreUnavailableError("the revocation view is too old");
      await sessions.end({ subject: who.token.subject });
      c.get("around").emit({ event: "subject_revoked", subject: who.token.subject });
    });
  });
  allowOnly(app, "/logout/all", ["POST"]);

  app.get("/session", async (c) => {
    const who = await caller(c);
    if ("problem" in who) return fail(c, who.problem);
    const { token } = who;
    const session = await sessions.read(token.sid);
    if (session === null) return fail(c, { code: "session_revoked" });
    const csrfToken = await csrf.issue(token.sid);
    return withCookies(c.json(sessionJsonFor(token, session, csrfToken, binds)), []);
  });
  allowOnly(app, "/session", ["GET"]);

  app.get("/sessions", async (c) => {
    const who = await caller(c);
    if ("problem" in who) return fail(c, who.problem);
    const { token } = who;
    const records = await sessions.listOwn(token.subject);
    return withCookies(
      c.json({
        sessions: records.map((session) => ({
          sid: session.sid,
          createdAt: new Date(session.createdAtMs).toISOString(),
          lastSeenAt: new Date(session.lastSeenAtMs).toISOString(),
          userAgent: session.userAgent,
          ip: session.ip,
          ...bindingOf(session, false),
          current: session.sid === token.sid,
        })),
      }),
      [],
    );
  });
  allowOnly(app, "/sessions", ["GET"]);

  app.delete("/sessions/:sid", async (c) => {
    const who = await caller(c);
    if ("problem" in who) return refuse(c, who.problem);
    const sid = c.req.param("sid");
    const { subject } = who.token;
    if (!(await sessions.endOwn(subject, sid))) return fail(c, { code: "session_not_found" });
    c.get("around").emit({ event: "session_revoked", subject, sid });
    return withCookies(c.body(null, 204), sid === who.token.sid ? jar.clear() : []);
  });
  allowOnly(app, "/sessions/:sid", ["DELETE"]);

  return app;
}
