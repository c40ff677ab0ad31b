/**
 * The endpoints of Device Bound Session Credentials (https://www.w3.org/TR/dbsc/), as
 * Chromium 156 speaks them. The browser itself asks here, with no script and no CSRF header:
 * what guards them is the proof and where the request comes from. They never redirect; a
 * browser that is sent on from here hangs (webappsec-dbsc#262).
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type { Renew, Renewal } from "../../access/renew.ts";
import type { Clock } from "../../base/clock.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import {
  CHALLENGE_HEADER,
  challengeHeader,
  RESPONSE_HEADER,
  type ScopeRule,
  SESSION_ID_HEADER,
  SESSION_OVER,
  sessionInstructions,
} from "../../binding/dbsc.ts";
import { asksForChallenge, type DeviceFailure, sessionIdentifier } from "../../binding/device.ts";
import type { DeviceBinding } from "../../binding/device_binding.ts";
import type { CookieJar } from "../../browser/cookies.ts";
import { isSameOrigin } from "../../browser/csrf.ts";
import { allowOnly, fail, refuse } from "../../http/endpoint.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";
import type { Problem } from "../../http/problem.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";
import type { TokenVerifier } from "../../tokens/verify.ts";

type GatewayContext = Context<GatewayEnv>;
type BindOutcome = Awaited<ReturnType<Sessions["bind"]>>;

/** What the endpoints are put together from. */
export interface DbscParts {
  /** Prefix of Postern's own paths. */
  readonly prefix: string;
  readonly device: DeviceBinding;
  readonly jar: CookieJar;
  readonly verifier: Pick<TokenVerifier, "identify" | "verify">;
  readonly sessions: Pick<Sessions, "bind" | "isSpent" | "read">;
  readonly renew: Renew;
  readonly clock: Clock;
  /** Folders whose requests do not wait for a refresh. */
  readonly openPrefixes: readonly string[];
}

const UNKNOWN_KEY = "The token was signed with a key that this instance does not know, or not yet.";

/** The session that a browser's cookies are about. */
interface Asked {
  readonly token: VerifiedToken;
  /** The refresh token itself. */
  readonly refresh: string;
  /** The access token beside it, if any. */
  readonly access: string | null;
}

/** `/dbsc/register` and `/dbsc/refresh`. */
export function dbscEndpoints(parts: DbscParts): Hono<GatewayEnv> {
  const { prefix, device: { challenges, proofs }, jar, verifier, sessions, renew, clock } = parts;
  const app = new Hono<GatewayEnv>();
  const rules: readonly ScopeRule[] = [
    ...parts.openPrefixes.map((path) => ({ type: "exclude", path }) as const),
    { type: "exclude", path: `${prefix}/dbsc` },
  ];

  /** Who asks: our own pages' browser, with a refresh cookie of ours. */
  async function asked(c: GatewayContext): Promise<Asked | Problem> {
    const { headers, origin } = c.env.inbound;
    if (!isSameOrigin(headers, origin)) return { code: "csrf_failed" };
    const cookies = jar.read(headers.get("cookie"));
    if (cookies.conflicting) return { code: "ambiguous_credentials" };
    if (cookies.refresh === null) return { code: "refresh_missing" };
    const token = await verifier.verify(cookies.refresh, "refresh");
    if (token === "expired") return { code: "refresh_expired" };
    // Of a key that has not spread to this instance yet: the browser comes back (5xx).
    if (token === "unknown_key") return { code: "not_ready", detail: UNKNOWN_KEY };
    if (typeof token === "string" || token.isLegacy) return { code: "refresh_invalid" };
    return { token, refresh: cookies.refresh, access: cookies.access };
  }

  /** What a challenge of ours is given out for, and held against. */
  function purposeOf(c: GatewayContext, { sid, jti }: VerifiedToken) {
    return { origin: c.env.inbound.origin, sid, refreshJti: jti };
  }

  /** The browser signs the next challenge. */
  async function challenged(
    c: GatewayContext,
    act: "register" | "refresh",
    token: VerifiedToken,
    id: string | null,
  ): Promise<Response> {
    const challenge = await challenges.issue({ act, ...purposeOf(c, token) });
    const detail = "Sign the challenge of Secure-Session-Challenge.";
    const response = fail(c, { code: "binding_required", detail });
    response.headers.set(CHALLENGE_HEADER, challengeHeader(challenge, id));
    return response;
  }

  function failed(c: GatewayContext, reason: DeviceFailure | BindOutcome, subject: string): void {
    c.get("around").emit({ event: "binding_failed", reason, subject });
  }

  /** What the browser is told of its session, with the challenge of its next refresh. */
  async function instructed(
    c: GatewayContext,
    identifier: string,
    next: { readonly sid: string; readonly refreshJti: string },
    setCookies: readonly string[],
  ): Promise<Response> {
    const { origin } = c.env.inbound;
    const response = c.json(sessionInstructions({
      identifier,
      refreshPath: `${prefix}/dbsc/refresh`,
      origin,
      rules,
      cookie: jar.accessCredential,
    }));
    const challenge = await challenges.issue({ act: "refresh", origin, ...next });
    response.headers.set(CHALLENGE_HEADER, challengeHeader(challenge, identifier));
    return withCookies(response, setCookies);
  }

  /**
   * Binds, where the session is not, for whoever shows its refresh token of now: one that was
   * copied long ago and is spent since must not lock the owner out.
   */
  async function bind(
    c: GatewayContext,
    token: VerifiedToken,
    jkt: string,
  ): Promise<BindOutcome | "spent"> {
    const { sid, subject } = token;
    if (await sessions.isSpent(token)) {
      // Unless it was spent by the registration of this very key, whose answer was lost.
      const session = await sessions.read(sid);
      return session?.bound?.jkt === jkt ? "bound" : "spent";
    }
    const outcome = await sessions.bind(sid, { jkt, by: "dbsc" });
    if (outcome === "bound") c.get("around").emit({ event: "session_bound", subject, sid });
    if (outcome === "already") failed(c, outcome, subject);
    return outcome;
  }

  /**
   * The same, or else what there is to do: in an outage nothing but to let the browser keep
   * its key, which it proves at its next refresh. Nobody is locked out of a session that was
   * bound by a call whose answer was lost.
   */
  async function bindOrKeep(
    c: GatewayContext,
    token: VerifiedToken,
    jkt: string,
  ): Promise<BindOutcome | "spent" | "unknown"> {
    try {
      return await bind(c, token, jkt);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      c.get("around").emit({ event: "store_unavailable", reason: error.message });
      return "unknown";
    }
  }

  app.post("/dbsc/register", async (c) => {
    const who = await asked(c);
    if ("code" in who) return refuse(c, who);
    const { token, refresh, access } = who;
    const proof = c.env.inbound.headers.get(RESPONSE_HEADER);
    const outcome = await proofs.checkRegistration(proof, purposeOf(c, token));
    if (outcome.kind === "refused") {
      const { failure } = outcome;
      if (asksForChallenge(failure)) return await challenged(c, "register", token, null);
      failed(c, failure, token.subject);
      return refuse(c, { code: "invalid_request", detail: `The proof was refused: ${failure}.` });
    }
    const binding = await bindOrKeep(c, token, outcome.jkt);
    if (binding === "gone") return refuse(c, { code: "session_revoked" });
    if (binding === "spent") return refuse(c, { code: "refresh_invalid" });
    if (binding === "already") {
      const detail = "The session is bound to another key.";
      return refuse(c, { code: "invalid_request", detail });
    }
    const identifier = sessionIdentifier(token.sid, outcome.jwk);
    // What the browser has goes with its token from now on, so that it will be renewed.
    const kept = async () => {
      const held = access === null ? "malformed" : await verifier.identify(access, "access");
      const setCookies = access === null || typeof held === "string"
        ? []
        : [jar.issueAccess(access, held.expiresAtSeconds, clock())];
      const next = { sid: token.sid, refreshJti: token.jti };
      return await instructed(c, identifier, next, setCookies);
    };
    try {
      if (binding === "unknown") return await kept();
      const renewal = await renew(c.env.inbound, refresh, outcome.jkt);
      return renewal.kind === "refused" && renewal.problem.code === "identity_unavailable"
        ? await kept()
        : await told(c, renewal, identifier);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return await kept();
    }
  });
  allowOnly(app, "/dbsc/register", ["POST"]);

  app.post("/dbsc/refresh", async (c) => {
    const { headers } = c.env.inbound;
    const who = await asked(c);
    if ("code" in who) return refuse(c, who);
    const { token, refresh } = who;
    const id = headers.get(SESSION_ID_HEADER);
    const outcome = await proofs.checkRefresh(headers.get(RESPONSE_HEADER), id, {
      ...purposeOf(c, token),
      jkt: token.bound?.jkt ?? null,
    });
    if (outcome.kind === "proven") {
      const { jkt, jwk } = outcome;
      // Registered in an outage, or by a call whose answer was lost.
      if (token.bound === null && await bind(c, token, jkt) === "already") {
        return withCookies(c.json(SESSION_OVER), []);
      }
      const renewal = await renew(c.env.inbound, refresh, jkt);
      return await told(c, renewal, sessionIdentifier(token.sid, jwk));
    }
    const { failure } = outcome;
    // Somebody else has signed in here since: that browser session is over, this one is not its.
    if (failure === "unknown_session") return withCookies(c.json(SESSION_OVER), []);
    if (asksForChallenge(failure)) return await challenged(c, "refresh", token, id);
    failed(c, failure, token.subject);
    return refuse(c, { code: "invalid_request", detail: `The proof was refused: ${failure}.` });
  });
  allowOnly(app, "/dbsc/refresh", ["POST"]);

  /** What became of the refresh token, for the browser that has just proven the key. */
  async function told(
    c: GatewayContext,
    renewal: Renewal,
    identifier: string,
  ): Promise<Response> {
    if (renewal.kind === "refused") {
      const { problem, setCookies } = renewal;
      // By another key: this browser's is of no use for the session.
      return problem.code === "binding_required"
        ? withCookies(c.json(SESSION_OVER), [])
        : withCookies(fail(c, problem), setCookies);
    }
    const { signedIn: { session, pair }, setCookies } = renewal.session;
    const next = { sid: session.sid, refreshJti: pair.refreshJti };
    return await instructed(c, identifier, next, setCookies);
  }

  return app;
}

function withCookies(response: Response, setCookies: readonly string[]): Response {
  response.headers.set("cache-control", "no-store");
  for (const cookie of setCookies) response.headers.append("set-cookie", cookie);
  return response;
}
