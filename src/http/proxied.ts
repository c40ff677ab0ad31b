/**
 * The proxied request, start to finish: match, authenticate, check revocation,
 * authorise, forward, finish.
 *
 * @module
 */
import type { CookieJar, GatewayCookies } from "../browser/cookies.ts";
import { isSafeMethod, isSameOrigin } from "../browser/csrf.ts";
import type { Csrf } from "../browser/csrf.ts";
import type { Clock } from "../clock.ts";
import { parseTarget } from "../policy/path.ts";
import type { Target } from "../policy/path.ts";
import type { RouteTable } from "../policy/routes.ts";
import type { Connect } from "../proxy/connect.ts";
import type { Forward } from "../proxy/forward.ts";
import { readHeaders } from "../proxy/incoming_headers.ts";
import type { HeaderReader, IncomingHeaders } from "../proxy/incoming_headers.ts";
import { isEventStream, tethered } from "../proxy/tethered.ts";
import { isWebSocketUpgrade } from "../proxy/web_socket.ts";
import type { AttachLifeline } from "../sessions/lifeline.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { MintAssertion } from "../tokens/assertion.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import { readCredential } from "./authenticate.ts";
import type { Authenticate, Credential } from "./authenticate.ts";
import type { ConnectionInfo, Surroundings } from "./context.ts";
import type { LeakGuard } from "./leak_guard.ts";
import type { HeaderPairs, OutgoingHeaders } from "./outgoing_headers.ts";
import { refreshProblem } from "./outcomes.ts";
import { problemResponse } from "./problem.ts";
import type { Problem } from "./problem.ts";

/** An upstream, prepared. */
export interface PreparedUpstream {
  readonly name: string;
  readonly forward: Forward;
  /** Absent where the runtime can not pass WebSockets through. */
  readonly connect: Connect | null;
  readonly identityHeaders: (token: VerifiedToken) => readonly (readonly [string, string])[];
  readonly assertion: { readonly header: string; readonly mint: MintAssertion } | null;
}

/** A route, prepared. */
export interface PreparedRoute {
  readonly upstream: PreparedUpstream;
  readonly open: boolean;
  readonly strict: boolean;
  readonly transparent: boolean;
  readonly satisfied: ((claims: VerifiedToken["claims"]) => boolean) | null;
  readonly requiredScope: readonly string[] | undefined;
}

/** What the route table leads to. */
export type Destination = { readonly kind: "own" } | ({ readonly kind: "route" } & PreparedRoute);

/** What proxying is put together from. */
export interface ProxiedParts {
  readonly origin: string;
  readonly loginPath: string;
  readonly table: RouteTable<Destination>;
  readonly jar: CookieJar;
  readonly csrf: Csrf;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly authenticate: Authenticate;
  readonly sessions: Sessions;
  readonly outgoingHeaders: OutgoingHeaders;
  readonly leakGuard: LeakGuard;
  readonly metrics: Metrics;
  /** Whether each request that is passed on gets a line in the log. */
  readonly logsAccess: boolean;
  /** Ends what outlives its request together with the session. */
  readonly attachLifeline: AttachLifeline;
  /** Who is calling from where, under which request id. */
  readonly surroundings: (headers: HeaderReader, connection: ConnectionInfo) => Surroundings;
  /** The answer to what was thrown. */
  readonly onError: (error: unknown, around: Surroundings) => Response;
}

/** A request with what was read of it. */
interface Incoming {
  readonly request: Request;
  readonly headers: IncomingHeaders;
  readonly around: Surroundings;
  /** Whether it asks to become a WebSocket. */
  readonly upgrades: boolean;
  /** On the monotonic clock; 0 when nobody wants to know. */
  readonly beganAtMs: number;
}

/** Who is calling; `setCookies` ride on the answer when the pair was rotated in passing. */
interface Caller {
  readonly token: VerifiedToken;
  readonly setCookies: readonly string[];
}

type CallerOrProblem = Caller | { readonly problem: Problem; readonly clearCookies?: boolean };

const NO_COOKIES: readonly string[] = [];

/** Handles a proxied request. */
export type HandleProxied = (request: Request, connection: ConnectionInfo) => Promise<Response>;

/** The handler for everything that is not Postern's own. */
export function proxied(parts: ProxiedParts): HandleProxied {
  const { origin, table, jar, csrf, clock, verifier, authenticate, sessions } = parts;

  async function passesCsrf(headers: HeaderReader, sid: string, cookies: GatewayCookies) {
    return isSameOrigin(headers, origin) &&
      await csrf.check(sid, headers.get("x-csrf-token"), cookies.csrf);
  }

  /** Names the caller of a protected route, or says why nobody is let in. */
  function identify(
    incoming: Incoming,
    credential: Credential,
    route: PreparedRoute,
  ): CallerOrProblem | Promise<CallerOrProblem> {
    if (credential.kind === "bearer") {
      const token = authenticate(credential.token, incoming.around.waitUntil);
      // The usual case, decided without a promise.
      if (!(token instanceof Promise) && typeof token !== "string") {
        return { token, setCookies: NO_COOKIES };
      }
    }
    return identifySlowly(incoming, credential, route);
  }

  async function identifySlowly(
    incoming: Incoming,
    credential: Credential,
    route: PreparedRoute,
  ): Promise<CallerOrProblem> {
    const { request, headers, around } = incoming;
    if (credential.kind === "refused") return { problem: { code: credential.code } };
    const { cookies } = credential;
    let code: Problem["code"] = "token_missing";
    if (credential.kind !== "none") {
      const decided = authenticate(credential.token, around.waitUntil);
      const token = decided instanceof Promise ? await decided : decided;
      if (typeof token !== "string") {
        const trusted = credential.kind === "bearer" ||
          // A script can open a WebSocket to any site and send no header of ours along.
          (incoming.upgrades ? isSameOrigin(headers, origin) : isSafeMethod(request.method) ||
            await passesCsrf(headers, token.sid, cookies));
        return trusted ? { token, setCookies: NO_COOKIES } : { problem: { code: "csrf_failed" } };
      }
      code = token;
    }
    // The answer to an upgrade can not be counted on to carry cookies.
    const refreshable = route.transparent && credential.kind !== "bearer" && !incoming.upgrades &&
      (code === "token_expired" || code === "token_missing");
    if (!refreshable || cookies.refresh === null) return { problem: { code } };
    return await refreshInPassing(incoming, cookies.refresh, cookies);
  }

  async function refreshInPassing(
    { request, headers, around }: Incoming,
    refreshToken: string,
    cookies: GatewayCookies,
  ): Promise<CallerOrProblem> {
    if (!isSafeMethod(request.method)) {
      const token = await verifier.identify(refreshToken, "refresh");
      if (typeof token === "string") return { problem: { code: "refresh_invalid" } };
      if (!(await passesCsrf(headers, token.sid, cookies))) {
        return { problem: { code: "csrf_failed" } };
      }
    }
    const outcome = await sessions.refresh(refreshToken);
    if (outcome.kind !== "refreshed") {
      return { problem: refreshProblem(outcome, around), clearCookies: true };
    }
    const { session, pair } = outcome.signedIn;
    around.emit({
      event: "refresh",
      subject: session.subject,
      sid: session.sid,
      replayed: outcome.replayed,
    });
    const token = await authenticate(pair.access, around.waitUntil);
    if (typeof token === "string") return { problem: { code: token } };
    return {
      token,
      setCookies: jar.issue(pair, await csrf.issue(session.sid), clock()),
    };
  }

  /** Everything a token must still pass once it is known whose it is. */
  function authorise(
    token: VerifiedToken,
    route: PreparedRoute,
  ): Problem | null | Promise<Problem | null> {
    if (route.strict) return authoriseStrictly(token, route);
    return checkRequirement(token, route);
  }

  async function authoriseStrictly(
    token: VerifiedToken,
    route: PreparedRoute,
  ): Promise<Problem | null> {
    if (await sessions.status(token) !== "live") return { code: "session_revoked" };
    return checkRequirement(token, route);
  }

  /** The stages of one request, in order. */
  async function handle(incoming: Incoming): Promise<Response> {
    const { request, headers, around } = incoming;
    const target = parseTarget(request.url);
    if ("problem" in target) {
      return deny(incoming, { code: "ambiguous_path", detail: target.problem });
    }
    if (parts.leakGuard.holdsOurs(target.search)) return deny(incoming, { code: "token_in_query" });

    const match = table.match({
      path: target.path,
      host: headers.get("host") ?? "",
      method: request.method,
    });
    if (match.kind === "ambiguous") return deny(incoming, { code: "ambiguous_path" });
    if (match.kind === "none" || match.value.kind === "own") {
      return deny(incoming, { code: "not_found" });
    }
    const route = match.value;

    let caller: Caller | null = null;
    if (!route.open) {
      const naming = identify(incoming, readCredential(headers, jar), route);
      const named = naming instanceof Promise ? await naming : naming;
      if ("problem" in named) return deny(incoming, named.problem, named.clearCookies === true);
      const deciding = authorise(named.token, route);
      const problem = deciding instanceof Promise ? await deciding : deciding;
      if (problem !== null) {
        return withSetCookies(deny(incoming, problem, false, named.token), named.setCookies);
      }
      caller = named;
    }

    const token = caller?.token ?? null;
    const { upstream } = route;
    const minting = parts.outgoingHeaders(headers, upstream, token, around);
    const outgoing = minting instanceof Promise ? await minting : minting;
    if (incoming.upgrades && upstream.connect !== null) {
      return await connect(incoming, upstream, upstream.connect, target, outgoing, token);
    }
    const outcome = await upstream.forward({
      method: request.method,
      target: target.path + target.search,
      headers: outgoing,
      // As it is: in a wrapped stream its length would be lost on the way to the upstream.
      body: request.body,
      client: request,
      isPrivate: token !== null,
    });
    const response = outcome.kind === "answered"
      ? outcome.response
      : upstreamProblem(outcome, upstream.name, around);
    noteAnswer(incoming, target.path, upstream, response.status, token);
    return token === null
      ? response
      : finish(response, token, caller?.setCookies ?? NO_COOKIES, around);
  }

  /** What an authorised answer gets on its way out. */
  function finish(
    response: Response,
    token: VerifiedToken,
    setCookies: readonly string[],
    around: Surroundings,
  ): Response {
    const isEndless = isEventStream(response.headers.get("content-type") ?? "");
    const whole = isEndless && response.body !== null
      ? new Response(
        tethered(response.body, (end) => parts.attachLifeline(token, around.waitUntil, end)),
        response,
      )
      : response;
    return withSetCookies(whole, setCookies);
  }

  async function connect(
    incoming: Incoming,
    upstream: PreparedUpstream,
    open: Connect,
    { path, search }: Target,
    outgoing: HeaderPairs,
    token: VerifiedToken | null,
  ): Promise<Response> {
    const { request, headers, around } = incoming;
    const outcome = await open({
      request,
      incoming: headers,
      target: path + search,
      headers: outgoing,
      attach: token === null ? null : (cut) => parts.attachLifeline(token, around.waitUntil, cut),
    });
    const response = outcome.kind === "open" || outcome.kind === "refused"
      ? outcome.response
      : upstreamProblem(outcome, upstream.name, around);
    const status = outcome.kind === "open" ? 101 : response.status;
    noteAnswer(incoming, path, upstream, status, token);
    return response;
  }

  function noteAnswer(
    { request, around, beganAtMs }: Incoming,
    path: string,
    upstream: PreparedUpstream,
    status: number,
    token: VerifiedToken | null,
  ): void {
    parts.metrics.proxied(upstream.name, status);
    if (!parts.logsAccess) return;
    around.emit({
      event: "request",
      method: request.method,
      path,
      upstream: upstream.name,
      status,
      durationMs: Math.round((performance.now() - beganAtMs) * 10) / 10,
      ...(token === null ? {} : { subject: token.subject }),
    });
  }

  function deny(
    { request, headers, around }: Incoming,
    problem: Problem,
    clearCookies = false,
    token?: VerifiedToken,
  ): Response {
    around.emit({
      event: "denied",
      code: problem.code,
      method: request.method,
      path: pathForLog(request.url),
      ...(token === undefined ? {} : { subject: token.subject }),
    });
    const response = isSignInProblem(problem) && isNavigation(request.method, headers)
      ? redirectToLogin(request)
      : problemResponse(problem, around.trace.requestId);
    return clearCookies ? withSetCookies(response, jar.clear()) : response;
  }

  function redirectToLogin(request: Request): Response {
    const target = parseTarget(request.url);
    const query = "problem" in target
      ? ""
      : `?return_to=${encodeURIComponent(target.path + target.search)}`;
    return new Response(null, {
      status: 302,
      headers: { location: parts.loginPath + query, "cache-control": "no-store" },
    });
  }

  return async function handleProxied(request, connection) {
    const headers = readHeaders(request.headers);
    const around = parts.surroundings(headers, connection);
    try {
      const upgrades = isWebSocketUpgrade(request.method, headers);
      const beganAtMs = parts.logsAccess ? performance.now() : 0;
      return await handle({ request, headers, around, upgrades, beganAtMs });
    } catch (error) {
      return parts.onError(error, around);
    }
  };
}

function checkRequirement(token: VerifiedToken, route: PreparedRoute): Problem | null {
  if (route.satisfied === null || route.satisfied(token.claims)) return null;
  return {
    code: "insufficient_scope",
    ...(route.requiredScope === undefined ? {} : { scope: route.requiredScope }),
  };
}

function isSignInProblem(problem: Problem): boolean {
  switch (problem.code) {
    case "token_missing":
    case "token_expired":
    case "token_invalid":
    case "session_revoked":
    case "refresh_missing":
    case "refresh_invalid":
    case "refresh_expired":
    case "refresh_reused":
      return true;
    default:
      return false;
  }
}

/** Only a browser that is going somewhere is sent to the login page; an API client gets 401. */
function isNavigation(method: string, headers: HeaderReader): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  if (headers.get("authorization") !== null) return false;
  const mode = headers.get("sec-fetch-mode");
  if (mode !== null) return mode === "navigate";
  return headers.get("accept")?.includes("text/html") ?? false;
}

function upstreamProblem(
  outcome: { kind: "unavailable"; reason: string } | { kind: "timeout" },
  upstream: string,
  around: Surroundings,
): Response {
  const timedOut = outcome.kind === "timeout";
  around.emit({
    event: "upstream_failed",
    upstream,
    reason: timedOut ? "no answer in time" : outcome.reason,
  });
  return problemResponse(
    { code: timedOut ? "upstream_timeout" : "upstream_unavailable" },
    around.trace.requestId,
  );
}

function withSetCookies(response: Response, setCookies: readonly string[]): Response {
  if (setCookies.length === 0) return response;
  for (const cookie of setCookies) response.headers.append("set-cookie", cookie);
  response.headers.set("cache-control", "no-store");
  return response;
}

/** The path alone: a query can hold what must not be logged. */
function pathForLog(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const path = start < 0 ? "/" : url.slice(start);
  return path.split(/[?#]/, 1)[0]?.slice(0, 256) ?? "/";
}
