/**
 * A prepared request on its way to the upstream: forwarded, or connected where
 * it becomes a WebSocket.
 *
 * @module
 */
import type { Inbound } from "../http/inbound.ts";
import type { Problem } from "../http/problem.ts";
import type { RequestBody } from "../http/request_body.ts";
import { TIED_AFTER_MS } from "../sessions/lifeline.ts";
import type { LifelineCut } from "../sessions/lifeline.ts";
import type { NoAnswer } from "../upstream/ask.ts";
import type { Tie } from "../upstream/attempt.ts";
import type { Answer } from "../upstream/transport.ts";
import { CLOSE_CODE } from "../upstream/web_socket.ts";
import { passableHandshake } from "./handshake.ts";
import type { HeaderPairs } from "./prepare.ts";
import type { PreparedRoute } from "./route.ts";

/** A request that may go out. */
export interface Outgoing {
  readonly request: Request;
  /** Rewritten path and query. */
  readonly target: string;
  readonly headers: HeaderPairs;
  readonly body: Exclude<RequestBody, { kind: "unreachable" }>;
  /** Ties what takes long, or outlives the request, to the session; `null` on open routes. */
  readonly attach: ((cut: (why: LifelineCut) => void) => () => void) | null;
}

/** What came back. */
export type Outcome =
  | { readonly kind: "answered"; readonly answer: Answer }
  /** It is a WebSocket now; the answer leaves as it is. */
  | { readonly kind: "open"; readonly response: Response }
  /** The session ended before there was an answer. */
  | { readonly kind: "ended"; readonly problem: Problem }
  | { readonly kind: "failed"; readonly problem: Problem; readonly reason: string | null };

/** How a WebSocket is closed whose session has ended. */
const CLOSURE: Readonly<Record<LifelineCut, readonly [number, string]>> = {
  expired: [CLOSE_CODE.unauthorized, "token_expired"],
  revoked: [CLOSE_CODE.unauthorized, "session_revoked"],
  unknown: [CLOSE_CODE.tryAgainLater, "store_unavailable"],
};

/** How somebody is told whose session ended while the upstream was still busy. */
export const ENDED: Readonly<Record<LifelineCut, Problem>> = {
  expired: { code: "token_expired" },
  revoked: { code: "session_revoked" },
  unknown: { code: "store_unavailable" },
};

/** Sends a request to the upstream of its route. */
export async function dispatch(
  inbound: Inbound,
  route: PreparedRoute,
  { request, target, headers, body, attach }: Outgoing,
): Promise<Outcome> {
  const { upstream, maxBodyBytes } = route;
  if (inbound.upgrades && body.kind === "none") {
    const outcome = await upstream.connect({
      request,
      target,
      headers,
      passBack: passableHandshake,
      attach: attach === null ? null : (end) => attach((why) => end(...CLOSURE[why])),
    });
    return outcome.kind === "open" || outcome.kind === "answered"
      ? outcome
      : failed(outcome, route);
  }
  const tie = attach === null ? null : new SessionTie(attach);
  const outcome = await upstream.forward({
    method: inbound.method,
    target,
    headers,
    body: body.kind === "none" ? null : body.stream,
    bodyBytes: body.kind === "none" ? 0 : body.bytes,
    maxBodyBytes,
    client: request,
    tie,
  });
  if (outcome.kind === "ended") return { kind: "ended", problem: ENDED[tie?.cut ?? "revoked"] };
  return outcome.kind === "answered" ? outcome : failed(outcome, route);
}

/** Ties a request to its session; a class, because each request has one and few ever use it. */
class SessionTie implements Tie {
  readonly afterMs = TIED_AFTER_MS;
  /** Why the session ended it. */
  cut: LifelineCut = "revoked";
  readonly #attach: NonNullable<Outgoing["attach"]>;

  constructor(attach: NonNullable<Outgoing["attach"]>) {
    this.#attach = attach;
  }

  attach(end: () => void): () => void {
    return this.#attach((why) => {
      this.cut = why;
      end();
    });
  }
}

/** The problem of a body that is larger than its route takes. */
export function tooLarge({ maxBodyBytes }: Pick<PreparedRoute, "maxBodyBytes">): Problem {
  return { code: "payload_too_large", detail: `At most ${maxBodyBytes} bytes are taken here.` };
}

function failed(outcome: NoAnswer, route: PreparedRoute): Outcome {
  const as = (problem: Problem, reason: string | null): Outcome => ({
    kind: "failed",
    problem,
    reason,
  });
  switch (outcome.kind) {
    case "timeout":
      return as({ code: "upstream_timeout" }, outcome.reason);
    case "unavailable":
      return as({ code: "upstream_unavailable" }, outcome.reason);
    case "bad_answer":
      return as({ code: "upstream_bad_answer", detail: outcome.reason }, outcome.reason);
    case "unsupported":
      return as({ code: "not_implemented", detail: outcome.reason }, outcome.reason);
    case "busy":
      return as({ code: "upstream_busy" }, "too many requests under way");
    case "down":
      return as(
        { code: "upstream_down", retryAfterSeconds: outcome.retryAfterMs / 1000 },
        "every target is at rest",
      );
    case "too_large":
      return as(tooLarge(route), null);
    case "body_broken":
      // The client is to blame, not the upstream.
      return as({ code: "body_broken", detail: outcome.reason }, null);
    case "client_gone":
    case "ended":
      // Nobody hears this, and nobody is to blame.
      return as({ code: "upstream_unavailable" }, null);
  }
}
