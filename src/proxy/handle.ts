/**
 * The proxied request, from its route on: decide, prepare, dispatch, finish.
 *
 * @module
 */
import type { Decide } from "../access/decide.ts";
import type { RefusalWords } from "../access/refusal.ts";
import type { Inbound } from "../http/inbound.ts";
import { problemResponse } from "../http/problem.ts";
import type { Problem } from "../http/problem.ts";
import { declaredBytes, readRequestBody } from "../http/request_body.ts";
import type { HiddenBody } from "../http/request_body.ts";
import type { AttachLifeline, LifelineCut } from "../sessions/lifeline.ts";
import type { CallerToken } from "../tokens/claims.ts";
import type { NoteAnswer } from "./access_log.ts";
import type { Finish } from "./answer.ts";
import { dispatch, ENDED, tooLarge } from "./dispatch.ts";
import type { OutgoingHeaders } from "./prepare.ts";
import type { PreparedRoute } from "./route.ts";

/** What proxying is put together from. */
export interface ProxyParts {
  readonly decide: Decide;
  readonly words: RefusalWords;
  readonly outgoingHeaders: OutgoingHeaders;
  readonly finish: Finish;
  readonly noteAnswer: NoteAnswer;
  /** The runtime's way to bodies that `Request` hides. */
  readonly hiddenBody: HiddenBody;
  /** Ends what outlives its request together with the session. */
  readonly attachLifeline: AttachLifeline;
}

/** Handles a request on its route; `request` is asked for its body alone. */
export type HandleProxied = (
  inbound: Inbound,
  route: PreparedRoute,
  request: Request,
) => Promise<Response>;

/** The handler for everything that is not Postern's own. */
export function createHandle(parts: ProxyParts): HandleProxied {
  const { decide, words, finish } = parts;

  function refuse(inbound: Inbound, { cors }: PreparedRoute, problem: Problem): Response {
    return finish.own(inbound, cors, words.refuse(inbound, problem));
  }

  /**
   * A body that nobody has declared shows with its first piece, whenever that comes. The
   * decision must not have become an old one by then: the session has to stand all the while.
   */
  function standing<T>(
    work: Promise<T>,
    { around }: Inbound,
    token: CallerToken | null,
  ): Promise<T | LifelineCut> {
    if (token === null) return work;
    return new Promise((resolve, reject) => {
      const release = parts.attachLifeline(token, around.waitUntil, resolve);
      work.then(resolve, reject).finally(release);
    });
  }

  return async function handle(inbound, route, request) {
    const beganAtMs = performance.now();
    const { target, headers, around } = inbound;
    const path = route.rewrite === null ? target.path : route.rewrite(target.path);
    if (path === null) return refuse(inbound, route, { code: "ambiguous_path" });
    const declared = declaredBytes(headers);
    if (declared !== null && declared > route.maxBodyBytes) {
      return refuse(inbound, route, tooLarge(route));
    }

    const deciding = decide(inbound, route);
    const decision = deciding instanceof Promise ? await deciding : deciding;
    if (decision.kind === "refused") {
      return finish.own(inbound, route.cors, await words.deny(inbound, decision));
    }
    const { caller } = decision;
    const token = caller?.token ?? null;
    const reading = readRequestBody(request, headers, parts.hiddenBody);
    const body = reading instanceof Promise ? await standing(reading, inbound, token) : reading;
    if (typeof body === "string") return refuse(inbound, route, ENDED[body]);
    if (body.kind === "unreachable") {
      const detail = `The runtime hands out no body of a ${inbound.method} request.`;
      return refuse(inbound, route, { code: "not_implemented", detail });
    }
    const making = parts.outgoingHeaders(inbound, route, token);
    const made = making instanceof Promise ? await making : making;
    const sentAtMs = performance.now();
    const outcome = await dispatch(inbound, route, {
      request,
      target: path + target.search,
      headers: made,
      body,
      attach: token === null ? null : (cut) => parts.attachLifeline(token, around.waitUntil, cut),
    });
    const answeredAtMs = performance.now();
    const facts = { route, token, beganAtMs, sentAtMs, answeredAtMs, outcome };
    switch (outcome.kind) {
      case "open":
        parts.noteAnswer(inbound, 101, facts);
        return outcome.response;
      case "answered":
        parts.noteAnswer(inbound, outcome.answer.status, facts);
        return finish.answer(inbound, route, caller, outcome.answer);
      case "ended": {
        const answer = words.refuse(inbound, outcome.problem);
        parts.noteAnswer(inbound, answer.status, facts);
        return finish.own(inbound, route.cors, answer);
      }
      case "failed": {
        const { problem, reason } = outcome;
        if (problem.code === "payload_too_large") return refuse(inbound, route, problem);
        if (reason !== null) {
          around.emit({ event: "upstream_failed", upstream: route.upstream.name, reason });
        }
        const answer = problemResponse(problem, around.trace.requestId);
        parts.noteAnswer(inbound, answer.status, facts);
        // A pair that was rotated on the way is not lost with the upstream's answer.
        for (const cookie of caller?.setCookies ?? []) answer.headers.append("set-cookie", cookie);
        if (typeof caller?.nonce === "string") answer.headers.set("dpop-nonce", caller.nonce);
        return finish.own(inbound, route.cors, answer);
      }
    }
  };
}
