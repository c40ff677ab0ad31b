/**
 * The proxied request, start to finish: match, authenticate, check revocation,
 * authorise, forward, finish.
 *
 * @module
 */
import { readCredential } from "../access/credential.ts";
import type { Credential } from "../access/credential.ts";
import type { LeakGuard } from "../access/leak_guard.ts";
import { declaredBytes } from "../access/limits.ts";
import type { CheckLimits } from "../access/limits.ts";
import { loginLocation } from "../access/login_location.ts";
import { endsSession, refreshProblem } from "../access/renewal_problem.ts";
import { drfResponse, resourceRefusal, timeBeforeType } from "../access/simplejwt_words.ts";
import type { ResourceRefusal, SimpleJwtVersion } from "../access/simplejwt_words.ts";
import type { Authenticate } from "../access/standing.ts";
import type { Clock } from "../base/clock.ts";
import { NO_GATEWAY_COOKIES } from "../browser/cookies.ts";
import type { CookieJar, GatewayCookies } from "../browser/cookies.ts";
import { isPreflight } from "../browser/cors.ts";
import { isSafeMethod, isSameOrigin } from "../browser/csrf.ts";
import type { Csrf } from "../browser/csrf.ts";
import { isNavigation } from "../browser/navigation.ts";
import type { ConnectionInfo, Surroundings } from "../http/around.ts";
import { readHeaders } from "../http/headers.ts";
import type { HeaderReader, IncomingHeaders } from "../http/headers.ts";
import { presenterOf } from "../http/presenter.ts";
import { problemResponse } from "../http/problem.ts";
import type { Problem } from "../http/problem.ts";
import { parseTarget } from "../policy/path.ts";
import type { Target } from "../policy/path.ts";
import type { RouteTable } from "../policy/routes.ts";
import type { AttachLifeline } from "../sessions/lifeline.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import type { Connect, ConnectOutcome } from "./connect.ts";
import type { ForwardOutcome } from "./forward.ts";
import { applyToHeaders, applyToPairs } from "./header_rules.ts";
import type { HeaderPairs, OutgoingHeaders } from "./prepare.ts";
import type { Destination, PreparedRoute, PreparedUpstream } from "./route.ts";
import { isEventStream, tethered } from "./tethered.ts";
import { isWebSocketUpgrade } from "./web_socket.ts";

/** What proxying is put together from. */
export interface ProxiedParts {
  readonly origin: string;
  readonly loginPath: string;
  /** Whose words API clients hear in a 401; `null`: problem documents. */
  readonly compat: SimpleJwtVersion | null;
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
  readonly checkLimits: CheckLimits;
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

  /** From our own origin, or from one that the route trusts with cookies. */
  function passesOriginRule(headers: HeaderReader, route: PreparedRoute): boolean {
    return isSameOrigin(headers, origin) || (route.cors?.trustsOrigin(headers) ?? false);
  }

  async function passesCsrf(
    headers: HeaderReader,
    sid: string,
    cookies: GatewayCookies,
    route: PreparedRoute,
  ) {
    return passesOriginRule(headers, route) &&
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
          (incoming.upgrades ? passesOriginRule(headers, route) : isSafeMethod(request.method) ||
            await passesCsrf(headers, token.sid, cookies, route));
        return trusted ? { token, setCookies: NO_COOKIES } : { problem: { code: "csrf_failed" } };
      }
      code = token;
    }
    // The answer to an upgrade can not be counted on to carry cookies.
    const refreshable = route.transparent && credential.kind !== "bearer" && !incoming.upgrades &&
      (code === "token_expired" || code === "token_missing");
    if (!refreshable || cookies.refresh === null) return { problem: { code } };
    return await refreshInPassing(incoming, cookies.refresh, cookies, route);
  }

  async function refreshInPassing(
    { request, headers, around }: Incoming,
    refreshToken: string,
    cookies: GatewayCookies,
    route: PreparedRoute,
  ): Promise<CallerOrProblem> {
    if (!isSafeMethod(request.method)) {
      const token = await verifier.identify(refreshToken, "refresh");
      if (typeof token === "string") return { problem: { code: "refresh_invalid" } };
      if (!(await passesCsrf(headers, token.sid, cookies, route))) {
        return { problem: { code: "csrf_failed" } };
      }
    }
    const presenter = presenterOf(headers, request.signal, around);
    const outcome = await sessions.refresh(refreshToken, presenter);
    if (outcome.kind !== "refreshed") {
      const problem = refreshProblem(outcome, around);
      return { problem, clearCookies: endsSession(problem) };
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
    const { request, headers } = incoming;
    const excess = parts.checkLimits(request.method, request.url, headers);
    if (excess !== null) return deny(incoming, excess);
    const target = parseTarget(request.url);
    if ("problem" in target) {
      return deny(incoming, { code: "ambiguous_path", detail: target.problem });
    }
    if (parts.leakGuard.holdsOurs(target.search)) return deny(incoming, { code: "token_in_query" });

    if (isPreflight(request.method, headers)) {
      // It asks about another request: that one's route says whether we answer.
      const asked = matchFor(headers.get("access-control-request-method") ?? "", target, headers);
      if (asked.kind === "matched" && asked.value.kind === "route" && asked.value.cors !== null) {
        return asked.value.cors.preflight(headers);
      }
    }
    const match = matchFor(request.method, target, headers);
    if (match.kind === "ambiguous") return deny(incoming, { code: "ambiguous_path" });
    if (match.kind === "none" || match.value.kind === "own") {
      return deny(incoming, { code: "not_found" });
    }
    const route = match.value;
    const answer = await serve(incoming, target, route);
    // Refusals too: the app on the other origin must be able to read a 401.
    return route.cors === null || isUpgraded(answer) ? answer : route.cors.apply(answer, headers);
  }

  function matchFor(method: string, target: Target, headers: HeaderReader) {
    return table.match({ path: target.path, host: headers.get("host") ?? "", method });
  }

  /** What follows once the route is known. */
  async function serve(
    incoming: Incoming,
    target: Target,
    route: PreparedRoute,
  ): Promise<Response> {
    const { request, headers, around } = incoming;
    const path = route.rewrite === null ? target.path : route.rewrite(target.path);
    if (path === null) return deny(incoming, { code: "ambiguous_path" });
    const bodyBytes = request.body === null ? 0 : declaredBytes(headers);
    if (bodyBytes !== null && bodyBytes > route.maxBodyBytes) {
      return deny(incoming, tooLarge(route));
    }

    let caller: Caller | null = null;
    if (!route.open) {
      const credential = readCredential(headers, jar);
      const naming = identify(incoming, credential, route);
      const named = naming instanceof Promise ? await naming : naming;
      if ("problem" in named) {
        const answer = deny(incoming, named.problem, named.clearCookies === true);
        return parts.compat === null
          ? answer
          : await inWordsOfSimpleJwt(answer, named.problem, credential, parts.compat);
      }
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
    const minted = minting instanceof Promise ? await minting : minting;
    const outgoing = route.requestHeaders === null
      ? minted
      : applyToPairs(route.requestHeaders, minted);
    if (incoming.upgrades && upstream.connect !== null) {
      return await connect(incoming, upstream, upstream.connect, path + target.search, {
        outgoing,
        token,
        logPath: target.path,
      });
    }
    const outcome = await upstream.forward({
      method: request.method,
      target: path + target.search,
      headers: outgoing,
      body: request.body,
      bodyBytes,
      maxBodyBytes: route.maxBodyBytes,
      client: request,
      isPrivate: token !== null,
    });
    if (outcome.kind === "too_large") return deny(incoming, tooLarge(route));
    const response = outcome.kind === "answered"
      ? outcome.response
      : upstreamProblem(outcome, upstream.name, around);
    if (outcome.kind === "answered" && route.responseHeaders !== null) {
      applyToHeaders(route.responseHeaders, response.headers);
    }
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
    target: string,
    { outgoing, token, logPath }: {
      readonly outgoing: HeaderPairs;
      readonly token: VerifiedToken | null;
      readonly logPath: string;
    },
  ): Promise<Response> {
    const { request, headers, around } = incoming;
    const outcome = await open({
      request,
      incoming: headers,
      target,
      headers: outgoing,
      attach: token === null ? null : (cut) => parts.attachLifeline(token, around.waitUntil, cut),
    });
    const response = outcome.kind === "open" || outcome.kind === "refused"
      ? outcome.response
      : upstreamProblem(outcome, upstream.name, around);
    const status = outcome.kind === "open" ? 101 : response.status;
    noteAnswer(incoming, logPath, upstream, status, token);
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
      ? redirectToLogin(request, problem)
      : problemResponse(problem, around.trace.requestId);
    return clearCookies ? withSetCookies(response, jar.clear()) : response;
  }

  /** What an API client hears instead of a problem document; browsers keep theirs. */
  async function inWordsOfSimpleJwt(
    answer: Response,
    { code }: Problem,
    credential: Credential,
    version: SimpleJwtVersion,
  ): Promise<Response> {
    const usesCookies = credential.cookies !== NO_GATEWAY_COOKIES;
    if (usesCookies || answer.headers.has("location")) return answer;
    const refuse = (refusal: ResourceRefusal) =>
      drfResponse(401, resourceRefusal(refusal, version));
    switch (code) {
      case "token_missing":
        return refuse("missing");
      case "invalid_request":
        return refuse("bad_header");
      case "session_revoked":
        return refuse("revoked");
      case "token_invalid":
      case "token_expired": {
        if (credential.kind !== "bearer") return answer;
        const { token } = credential;
        const failure = await verifier.verify(token, "access");
        return refuse(
          typeof failure === "string"
            ? await timeBeforeType(failure, token, "access", verifier)
            : "expired",
        );
      }
      default:
        return answer;
    }
  }

  function redirectToLogin({ url }: Request, { code }: Problem): Response {
    const target = parseTarget(url);
    const returnTo = "problem" in target ? "/" : target.path + target.search;
    return new Response(null, {
      status: 302,
      headers: {
        location: loginLocation(parts.loginPath, returnTo, code !== "token_missing"),
        "cache-control": "no-store",
      },
    });
  }

  return async function handleProxied(request, connection) {
    const headers = readHeaders(request.headers);
    const around = parts.surroundings(headers, connection);
    try {
      const upgrades = isWebSocketUpgrade(request.method, headers);
      const beganAtMs = parts.logsAccess ? performance.now() : 0;
      return await handle({
        request,
        headers,
        around,
        upgrades,
        beganAtMs,
      });
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

function upstreamProblem(
  outcome: Exclude<ForwardOutcome | ConnectOutcome, { readonly response: Response }>,
  upstream: string,
  around: Surroundings,
): Response {
  const { problem, reason } = upstreamFailure(outcome);
  if (reason !== null) around.emit({ event: "upstream_failed", upstream, reason });
  return problemResponse(problem, around.trace.requestId);
}

function upstreamFailure(
  outcome: Exclude<ForwardOutcome | ConnectOutcome, { readonly response: Response }>,
): { readonly problem: Problem; readonly reason: string | null } {
  switch (outcome.kind) {
    case "timeout":
      return { problem: { code: "upstream_timeout" }, reason: "no answer in time" };
    case "unavailable":
      return { problem: { code: "upstream_unavailable" }, reason: outcome.reason };
    case "busy":
      return { problem: { code: "upstream_busy" }, reason: "too many requests under way" };
    case "down":
      return {
        problem: { code: "upstream_down", retryAfterSeconds: outcome.retryAfterMs / 1000 },
        reason: "every target is at rest",
      };
    case "too_large":
      return { problem: { code: "payload_too_large" }, reason: null };
    case "abandoned":
      // Nobody hears this, and nobody is to blame.
      return { problem: { code: "upstream_unavailable" }, reason: null };
  }
}

/** Deno's answer to an upgrade must leave as it is. */
function isUpgraded({ status }: Response): boolean {
  return status === 101;
}

function tooLarge({ maxBodyBytes }: PreparedRoute): Problem {
  return { code: "payload_too_large", detail: `At most ${maxBodyBytes} bytes are taken here.` };
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
