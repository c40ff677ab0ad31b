/**
 * Asks an upstream: chooses a target, and asks another where that can do no
 * harm. Ordinary requests and handshakes go the same way.
 *
 * @module
 */
import { attempt } from "./attempt.ts";
import type { AttemptOutcome, Client, Failure, Patience, Tie } from "./attempt.ts";
import type { EjectionOptions } from "./options.ts";
import type { Lease, Pool, Selection } from "./pool.ts";
import type { Sweep } from "./sweep.ts";
import type { Answer, Transport, WireRequest } from "./transport.ts";

/** Why an upstream gave no answer. */
export type NoAnswer =
  /** No target can be reached, or the connection was cut. */
  | { readonly kind: "unavailable"; readonly reason: string }
  | { readonly kind: "timeout"; readonly reason: string }
  /** It answered with what is no HTTP, or with more than is taken. */
  | { readonly kind: "bad_answer"; readonly reason: string }
  /** This runtime has no words for the request. */
  | { readonly kind: "unsupported"; readonly reason: string }
  /** The client broke its body off, or stopped sending it. */
  | { readonly kind: "body_broken"; readonly reason: string }
  | { readonly kind: "too_large" }
  /** Nobody hears the answer. */
  | { readonly kind: "client_gone" }
  /** What the request was tied to has ended. */
  | { readonly kind: "ended" }
  | Exclude<Selection, { kind: "lease" }>;

/** An answer with the lease that its connection holds, or why there is none. */
export type Asked =
  | { readonly kind: "answered"; readonly answer: Answer; readonly lease: Lease }
  | NoAnswer;

/** Asks one upstream. */
export type Ask = (wire: WireRequest, client: Client, tie: Tie | null) => Promise<Asked>;

/** What asking is made of. */
export interface AskParts {
  /** One for each target. */
  readonly transports: readonly Transport[];
  readonly pool: Pool;
  readonly patience: Patience;
  readonly ejection: EjectionOptions | null;
  /** A new one for each request where requests must not share a timer. */
  readonly sweepFor: () => Sweep;
  readonly passesUnread: boolean;
}

/** Idempotent methods (RFC 9110 §9.2.2), without those that are nobody's to repeat. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** Prepares {@link Ask}. */
export function createAsk(parts: AskParts): Ask {
  const { pool, transports, patience, sweepFor, passesUnread } = parts;
  const badStatuses = parts.ejection?.statuses ?? null;

  function attemptAt(
    lease: Lease,
    wire: WireRequest,
    client: Client,
    tie: Tie | null,
  ): Promise<AttemptOutcome> {
    const transport = transports[lease.index];
    if (transport === undefined) throw new RangeError("a lease of another pool");
    const sweep = sweepFor();
    return attempt(transport, wire, {
      patience,
      sweep,
      lease,
      client,
      tie,
      badStatuses,
      passesUnread,
    });
  }

  return async function ask(wire, client, tie) {
    const selection = pool.take();
    if (selection.kind !== "lease") return selection;
    const { lease } = selection;
    const first = await attemptAt(lease, wire, client, tie);
    if (first.kind === "answered") return { kind: "answered", answer: first.answer, lease };
    if (!mayRepeat(wire, first)) return noAnswer(first);
    // A connection that was cut is asked for again: it may have been an old one.
    const again = pool.take(pool.hasOthers || first.neverSent ? lease.index : undefined);
    if (again.kind !== "lease") return noAnswer(first);
    const second = await attemptAt(again.lease, wire, client, tie);
    return second.kind === "answered"
      ? { kind: "answered", answer: second.answer, lease: again.lease }
      : noAnswer(second);
  };
}

/**
 * Whether a target may be asked again: what was never sent, and what may be sent
 * twice (RFC 9110 §9.2.2); never a body of which something has been read.
 */
function mayRepeat({ method, body }: WireRequest, failure: Failure): boolean {
  if (body?.started) return false;
  if (failure.kind === "timeout") return failure.neverSent;
  if (failure.kind !== "unavailable") return false;
  return failure.neverSent || (body === null && IDEMPOTENT.has(method));
}

function noAnswer({ kind, reason }: Failure): NoAnswer {
  switch (kind) {
    case "client_gone":
    case "ended":
    case "too_large":
      return { kind };
    default:
      return { kind, reason };
  }
}
