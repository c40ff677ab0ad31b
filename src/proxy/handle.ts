/**
 * The proxied request, start to finish: read, match, decide, prepare, dispatch,
 * finish.
 *
 * @module
 */
import type { Decide } from "../access/decide.ts";
import { failure } from "../access/failure.ts";
import type { CheckLimits } from "../access/limits.ts";
import type { Match } from "../access/match.ts";
import type { RefusalWords } from "../access/refusal.ts";
import type { ConnectionInfo, Surroundings } from "../http/around.ts";
import { readHeaders } from "../http/headers.ts";
import type { HeaderReader } from "../http/headers.ts";
import { isWebSocketUpgrade } from "../http/inbound.ts";
import type { Inbound } from "../http/inbound.ts";
import { problemResponse } from "../http/problem.ts";
import { declaredBytes, readRequestBody } from "../http/request_body.ts";
import type { HiddenBody } from "../http/request_body.ts";
import { readRequestLine } from "../policy/request_line.ts";
import type { AttachLifeline } from "../sessions/lifeline.ts";
import type { NoteAnswer } from "./access_log.ts";
import type { Finish } from "./answer.ts";
import { dispatch, tooLarge } from "./dispatch.ts";
import { applyToPairs } from "./header_rules.ts";
import type { OutgoingHeaders } from "./prepare.ts";
import type { PreparedRoute } from "./route.ts";

/** What proxying is put together from. */
export interface ProxyParts {
  /** Of the public origin. */
  readonly scheme: "http" | "https";
  /** Who is calling from where, under which request id. */
  readonly surroundings: (headers: HeaderReader, connection: ConnectionInfo) => Surroundings;
  readonly access: {
    readonly checkLimits: CheckLimits;
    readonly match: Match<PreparedRoute>;
    readonly decide: Decide;
    readonly words: RefusalWords;
  };
  readonly outgoingHeaders: OutgoingHeaders;
  readonly finish: Finish;
  readonly noteAnswer: NoteAnswer;
  /** The runtime's way to bodies that `Request` hides. */
  readonly hiddenBody: HiddenBody;
  /** Ends what outlives its request together with the session. */
  readonly attachLifeline: AttachLifeline;
}

/** Handles a proxied request. */
export type HandleProxied = (request: Request, connection: ConnectionInfo) => Promise<Response>;

/** The handler for everything that is not Postern's own. */
export function createHandle(parts: ProxyParts): HandleProxied {
  const { access: { checkLimits, match, decide, words }, finish } = parts;

  async function onRoute(
    inbound: Inbound,
    request: Request,
    route: PreparedRoute,
  ): Promise<Response> {
    const beganAtMs = performance.now();
    const { target, headers, around } = inbound;
    const path = route.rewrite === null ? target.path : route.rewrite(target.path);
    if (path === null) {
      return finish.own(inbound, route, words.refuse(inbound, { code: "ambiguous_path" }));
    }
    const declared = declaredBytes(headers);
    if (declared !== null && declared > route.maxBodyBytes) {
      return finish.own(inbound, route, words.refuse(inbound, tooLarge(route)));
    }

    const deciding = decide(inbound, route);
    const decision = deciding instanceof Promise ? await deciding : deciding;
    if (decision.kind === "refused") {
      return finish.own(inbound, route, await words.deny(inbound, decision));
    }
    const { caller } = decision;
    const token = caller?.token ?? null;
    const reading = readRequestBody(request, headers, parts.hiddenBody);
    const body = reading instanceof Promise ? await reading : reading;
    if (body.kind === "unreachable") {
      const detail = `The runtime hands out no body of a ${inbound.method} request.`;
      const problem = { code: "not_implemented", detail } as const;
      return finish.own(inbound, route, words.refuse(inbound, problem));
    }
    const making = parts.outgoingHeaders(inbound, route.upstream, token);
    const made = making instanceof Promise ? await making : making;
    const sentAtMs = performance.now();
    const outcome = await dispatch(inbound, route, {
      request,
      target: path + target.search,
      headers: route.requestHeaders === null ? made : applyToPairs(route.requestHeaders, made),
      body,
      attach: token === null ? null : (cut) => parts.attachLifeline(token, around.waitUntil, cut),
    });
    const answeredAtMs = performance.now();
    const note = (status: number) =>
      parts.noteAnswer(inbound, status, {
        route,
        token,
        beganAtMs,
        sentAtMs,
        answeredAtMs,
        outcome,
      });
    switch (outcome.kind) {
      case "open":
        note(101);
        return outcome.response;
      case "answered":
        note(outcome.response.status);
        return finish.answer(inbound, route, caller, outcome.response);
      case "failed": {
        const { problem, reason } = outcome;
        if (problem.code === "payload_too_large") {
          return finish.own(inbound, route, words.refuse(inbound, problem));
        }
        if (reason !== null) {
          around.emit({ event: "upstream_failed", upstream: route.upstream.name, reason });
        }
        const answer = problemResponse(problem, around.trace.requestId);
        note(answer.status);
        return finish.answer(inbound, route, caller, answer);
      }
    }
  }

  return async function handle(request, connection) {
    const headers = readHeaders(request.headers);
    const around = parts.surroundings(headers, connection);
    const { method } = request;
    try {
      const line = readRequestLine({
        method,
        url: request.url,
        hostHeader: headers.get("host"),
        scheme: parts.scheme,
      });
      const target = "problem" in line ? null : line.target;
      const excess = checkLimits(method, request.url, headers);
      if (excess !== null) return words.refuse({ method, headers, around, target }, excess);
      if ("problem" in line) {
        const problem = { code: line.code, detail: line.problem } as const;
        return words.refuse({ method, headers, around, target }, problem);
      }
      const inbound: Inbound = {
        ...line,
        headers,
        around,
        upgrades: isWebSocketUpgrade(method, headers),
        get signal() {
          return request.signal;
        },
      };
      const place = match(inbound);
      switch (place.kind) {
        case "preflight":
          return place.cors.preflight(headers);
        case "refused":
          return words.refuse(inbound, place.problem);
        case "route":
          return await onRoute(inbound, request, place.route);
      }
    } catch (error) {
      return failure(error, around);
    }
  };
}
