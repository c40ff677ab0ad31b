/**
 * The pages that people see: sign-in, and their devices. Both work without a
 * script; the script for front ends is served from here too.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import { failure } from "../../access/failure.ts";
import { loginLocation } from "../../access/login_location.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import { isSafeMethod, isSameOrigin } from "../../browser/csrf.ts";
import { isFormNavigation, isNavigation } from "../../browser/navigation.ts";
import { safeReturnTo } from "../../browser/return_to.ts";
import { readFields } from "../../http/body.ts";
import type { Fields } from "../../http/body.ts";
import { allowOnly, refuse } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import { problemStatus } from "../../http/problem.ts";
import type { Problem } from "../../http/problem.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";
import { isOidcReason } from "../oidc/reasons.ts";
import { FORGET_PAGES } from "../session/session.ts";
import type { BrowserParts, SignInAttempt } from "../session/sign_in_form.ts";
import { accountPage } from "./account_html.ts";
import clientScript from "./client.js" with { type: "text" };
import type { Html } from "./layout_html.ts";
import { leavePage } from "./leave_html.ts";
import type { PagesConfig } from "./options.ts";
import { signInPage } from "./sign_in_html.ts";
import type { SignInNotice } from "./sign_in_html.ts";
import { createTexts } from "./texts.ts";

/** What the pages are put together from. */
export interface PagesParts extends BrowserParts {
  /** Prefix of Postern's own paths. */
  readonly prefix: string;
  readonly config: PagesConfig;
  /** Whether anybody signs in with a password. */
  readonly hasPassword: boolean;
  readonly providers: readonly PageProvider[];
}

/** A provider, as the sign-in page shows it. */
export interface PageProvider {
  readonly name: string;
  readonly label: string;
  readonly icon: string | null;
  isFailing(): boolean;
}

type GatewayContext = Context<GatewayEnv>;

/** Who is looking at a page, and the cookies that must ride on the answer. */
interface Visitor {
  readonly token: VerifiedToken | null;
  readonly setCookies: readonly string[];
  /** Tokens were there and are good for nothing any more. */
  readonly expired: boolean;
}

/** The pages under `/auth`. Mount them before the cookie transport, whose paths they share. */
export function pages(parts: PagesParts): Hono<GatewayEnv> {
  const { origin, prefix, config, jar, csrf, sessions, verifier, authenticate, renew } = parts;
  const { hasPassword, providers } = parts;
  const { brand } = config;
  const textsFor = createTexts(config.texts, config.language);
  const loginPath = `${prefix}/login`;
  const accountPath = `${prefix}/account`;
  const images = [brand.logo, ...providers.map(({ icon }) => icon)];
  const app = new Hono<GatewayEnv>();

  async function page(
    c: GatewayContext,
    status: number,
    setCookies: readonly string[],
    render: (
      look: { brand: typeof brand; texts: ReturnType<typeof textsFor>; nonce: string },
    ) => Html,
  ): Promise<Response> {
    const nonce = crypto.getRandomValues(new Uint8Array(16)).toBase64();
    const texts = textsFor(c.req.header("accept-language") ?? null);
    const headers = new Headers({
      "content-type": "text/html; charset=utf-8",
      "content-language": texts.language,
      "cache-control": "no-store",
      "vary": "Accept-Language, Cookie",
      "content-security-policy": pagePolicy(nonce, images, origin.startsWith("https:")),
      // With no-referrer the form would be posted with "Origin: null".
      "referrer-policy": "same-origin",
    });
    for (const cookie of setCookies) headers.append("set-cookie", cookie);
    const body = await render({ brand, texts, nonce });
    return new Response(String(body), { status, headers });
  }

  function showSignIn(
    c: GatewayContext,
    options: {
      readonly returnTo: string;
      readonly notice: SignInNotice;
      readonly username?: string;
      readonly setCookies?: readonly string[];
      readonly status?: number;
    },
  ): Promise<Response> {
    const { returnTo, notice, username = "", setCookies = [], status = 200 } = options;
    return page(
      c,
      status,
      setCookies,
      (look) =>
        signInPage({
          ...look,
          returnTo,
          username,
          notice,
          hasPassword,
          providers: providers.map((provider) => ({
            label: provider.label,
            icon: provider.icon,
            href: startOf(provider, returnTo),
            isFailing: provider.isFailing(),
          })),
        }),
    );
  }

  function startOf({ name }: PageProvider, returnTo: string): string {
    return `${prefix}/oidc/${name}/start?return_to=${encodeURIComponent(returnTo)}`;
  }

  /** Whose page this would only be one more click to; not after a sign-out, nor where there is something to read. */
  function straightOn(c: GatewayContext, reason: string | undefined): PageProvider | null {
    const [only, ...others] = providers;
    const hasWords = reason !== undefined && reason !== "expired";
    if (only === undefined || others.length > 0 || hasPassword || hasWords) return null;
    return isNavigation(c.req.method, c.req.raw.headers) ? only : null;
  }

  function noticeOfReason(c: GatewayContext, expired: boolean): SignInNotice {
    const reason = c.req.query("reason");
    if (reason === "signed_out") return { kind: "signed_out" };
    if (expired || reason === "expired") return { kind: "expired" };
    const provider = providers.find(({ name }) => name === c.req.query("provider"));
    if (!isOidcReason(reason) || providers.length === 0) return { kind: "none" };
    return { kind: "provider", reason, label: provider?.label ?? brand.name };
  }

  function redirect(location: string, setCookies: readonly string[] = []): Response {
    const headers = new Headers({ location, "cache-control": "no-store" });
    for (const cookie of setCookies) headers.append("set-cookie", cookie);
    // See Other: whatever was posted is not posted again (RFC 9110 §15.4.4).
    return new Response(null, { status: 303, headers });
  }

  /** Names the visitor by cookie; an expired access token is rotated in passing. */
  async function visitor(c: GatewayContext, csrfField: unknown): Promise<Visitor | Problem> {
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
      if (typeof token !== "string") {
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
    const renewal = await renew({ headers, around, signal: c.req.raw.signal }, cookies.refresh);
    if (renewal.kind === "refused") {
      if (!renewal.clearCookies) return renewal.problem;
      return { ...nobody, setCookies: jar.clear(), expired: true };
    }
    const { signedIn, setCookies } = renewal.session;
    const token = await authenticate(signedIn.pair.access, around.waitUntil);
    if (typeof token === "string") return { code: token };
    return { token, setCookies, expired: false };
  }

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
        await showSignIn(c, {
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
    // Who is signed in and has something to read must not be sent where it would begin anew.
    const hasWords = isOidcReason(reason) && reason !== "start_again";
    if (token !== null && !hasWords) return redirect(returnTo, setCookies);
    const only = straightOn(c, reason);
    if (only !== null) return redirect(startOf(only, returnTo), setCookies);
    return await showSignIn(c, { returnTo, notice: noticeOfReason(c, expired), setCookies });
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
      await showSignIn(c, {
        returnTo,
        username: text(fields, "username"),
        notice: noticeOf(problem),
        status: problemStatus(problem.code),
      }),
      problem,
    );
  });

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
      await showSignIn(c, {
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

  let etag: string | null = null;
  app.get("/client.js", async (c) => {
    if (etag === null) {
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(clientScript));
      etag = `"${new Uint8Array(digest).toHex().slice(0, 32)}"`;
    }
    const headers = {
      "content-type": "text/javascript; charset=utf-8",
      // Asked each time, answered with 304: a deploy of the gateway is never met by an old script.
      "cache-control": "no-cache",
      etag,
    };
    return c.req.header("if-none-match") === etag
      ? new Response(null, { status: 304, headers })
      : new Response(clientScript, { headers });
  });
  allowOnly(app, "/client.js", ["GET"]);

  return app;
}

/**
 * Nothing from anywhere (CSP Level 3). Chrome holds the redirects that follow a form
 * against `form-action`, too, and where somebody wanted to go may lead to another site.
 */
function pagePolicy(
  nonce: string,
  images: readonly (string | null)[],
  secure: boolean,
): string {
  const sources = new Set(images.filter((each) => each !== null).map(imageSource));
  return `default-src 'none'; style-src 'nonce-${nonce}'; img-src ${
    sources.size === 0 ? "'none'" : Array.from(sources).join(" ")
  }; form-action 'self' https:${secure ? "" : " http:"}; frame-ancestors 'none'; base-uri 'none'`;
}

function imageSource(image: string): string {
  if (image.startsWith("data:")) return "data:";
  return image.startsWith("/") ? "'self'" : new URL(image).origin;
}

function noticeOf(problem: Problem): SignInNotice {
  switch (problem.code) {
    case "invalid_credentials":
      return { kind: "wrong" };
    case "invalid_request":
      return { kind: "missing" };
    case "too_many_attempts":
      return { kind: "throttled", retryAfterSeconds: problem.retryAfterSeconds ?? 60 };
    case "csrf_failed":
    case "ambiguous_credentials":
      return { kind: "refused" };
    case "claims_too_large":
      return { kind: "too_large" };
    default:
      return { kind: "unavailable" };
  }
}

function withRetryAfter(response: Response, problem: Problem): Response {
  const seconds = problem.retryAfterSeconds ?? (response.status === 503 ? 1 : undefined);
  if (seconds !== undefined) response.headers.set("retry-after", String(Math.ceil(seconds)));
  return response;
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}
