/**
 * A prepared request on its way to the upstream: forwarded, or connected where
 * it becomes a WebSocket.
 *
 * @module
 */
import type { Inbound } from "../http/inbound.ts";
import type { Problem } from "../http/problem.ts";
import type { LifelineCut } from "../sessions/lifeline.ts";
import type { ConnectOutcome } from "./connect.ts";
import type { ForwardOutcome } from "./forward.ts";
import type { HeaderPairs } from "./prepare.ts";
import type { PreparedRoute } from "./route.ts";

/** A request that may go out. */
export interface Outgoing {
  readonly request: Request;
  /** Rewritten path and query. */
  readonly target: string;
  readonly headers: HeaderPairs;
  readonly bodyBytes: number | null;
  /** Ties what outlives the request to the session; `null` on open routes. */
  readonly attach: ((cut: (why: LifelineCut) => void) => () => void) | null;
}

/** What came back. */
export type Outcome =
  | { readonly kind: "answered"; readonly response: Response }
  /** It is a WebSocket now; the answer leaves as it is. */
  | { readonly kind: "open"; readonly response: Response }
  | { readonly kind: "failed"; readonly problem: Problem; readonly reason: string | null };

/** Sends a request to the upstream of its route. */
export async function dispatch(
  inbound: Inbound,
  route: PreparedRoute,
  outgoing: Outgoing,
): Promise<Outcome> {
  const { upstream, maxBodyBytes } = route;
  const { request, target, headers, bodyBytes, attach } = outgoing;
  if (inbound.upgrades && upstream.connect !== null) {
    const outcome = await upstream.connect({
      request,
      incoming: inbound.headers,
      target,
      headers,
      attach,
    });
    if (outcome.kind === "open") return outcome;
    return outcome.kind === "refused"
      ? { kind: "answered", response: outcome.response }
      : failed(outcome, route);
  }
  const outcome = await upstream.forward({
    method: inbound.method,
    target,
    headers,
    body: request.body,
    bodyBytes,
    maxBodyBytes,
    client: request,
    isPrivate: attach !== null,
  });
  return outcome.kind === "answered" ? outcome : failed(outcome, route);
}

/** The problem of a body that is larger than its route takes. */
export function tooLarge({ maxBodyBytes }: Pick<PreparedRoute, "maxBodyBytes">): Problem {
  return { code: "payload_too_large", detail: `At most ${maxBodyBytes} bytes are taken here.` };
}

function failed(
  outcome: Exclude<ForwardOutcome | ConnectOutcome, { readonly response: Response }>,
  route: PreparedRoute,
): Outcome {
  const as = (problem: Problem, reason: string | null): Outcome => ({
    kind: "failed",
    problem,
    reason,
  });
  switch (outcome.kind) {
    case "timeout":
      return as({ code: "upstream_timeout" }, "no answer in time");
    case "unavailable":
      return as({ code: "upstream_unavailable" }, outcome.reason);
    case "busy":
      return as({ code: "upstream_busy" }, "too many requests under way");
    case "down":
      return as(
        { code: "upstream_down", retryAfterSeconds: outcome.retryAfterMs / 1000 },
        "every target is at rest",
      );
    case "too_large":
      return as(tooLarge(route), null);
    case "abandoned":
      // Nobody hears this, and nobody is to blame.
      return as({ code: "upstream_unavailable" }, null);
  }
}
