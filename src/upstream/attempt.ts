/**
 * One request to one target: the lease, the exchange and the time it may take
 * have one owner, and whatever happens it gives all of them back.
 *
 * @module
 */
import type { Upload } from "./bodies.ts";
import type { Lease } from "./pool.ts";
import type { Sweep, Swept } from "./sweep.ts";
import type { Answer, BodyObserver, Exchange, Transport, WireRequest } from "./transport.ts";
import { TransportError } from "./transport.ts";

/** Why a request was given up by us. */
type GivenUp = "timeout" | "client_gone" | "client_idle" | "ended";

/** What became of an attempt. */
export type AttemptOutcome =
  /** With a connection, the lease is the caller's to release. */
  | { readonly kind: "answered"; readonly answer: Answer }
  | Failure;

/** An attempt without an answer. */
export interface Failure {
  readonly kind:
    | "unavailable"
    | "timeout"
    | "bad_answer"
    | "unsupported"
    | "body_broken"
    | "client_gone"
    /** What it was tied to has ended. */
    | "ended"
    | "too_large";
  readonly reason: string;
  /** Whether nothing of the request can have reached the target. */
  readonly neverSent: boolean;
}

/** How long an attempt may take; in milliseconds. */
export interface Patience {
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  /** A client that takes nothing of its answer for so long is given up. */
  readonly clientIdleMs: number;
}

/** Whoever asked, and whether they still listen. */
export interface Client {
  /** Aborts when the client goes away. Asked for late: it costs more than most requests take. */
  readonly signal: AbortSignal;
}

/**
 * What a request is tied to that has no answer for long: an upload, or a question that
 * the upstream holds open, ends with it.
 */
export interface Tie {
  readonly afterMs: number;
  /** `end` is called at most once; what it returns unties. */
  attach(end: () => void): () => void;
}

/** What an attempt is made with. */
export interface AttemptParts {
  readonly patience: Patience;
  readonly sweep: Sweep;
  readonly lease: Lease;
  readonly client: Client;
  /** `null`: it is tied to nothing. */
  readonly tie: Tie | null;
  /** Answers that count as failures of the target. */
  readonly badStatuses: ReadonlySet<number> | null;
  /** Whether bodies go on unread, so that nobody sees their end. */
  readonly passesUnread: boolean;
}

/** Makes one attempt. */
export async function attempt(
  transport: Transport,
  request: WireRequest,
  parts: AttemptParts,
): Promise<AttemptOutcome> {
  const { lease } = parts;
  const watch = new Watch(parts, request.body);
  let keeps: "nothing" | "upload" | "body" | "connection" = "nothing";
  try {
    const exchange = transport.send(request, watch);
    watch.begin(exchange);
    await exchange.headed;
    const answer = exchange.answer();
    lease.settle(parts.badStatuses?.has(answer.status) ? "bad" : "good");
    if (answer.connection !== null) keeps = "connection";
    else if (parts.passesUnread) keeps = "upload";
    else if (answer.body instanceof ReadableStream) keeps = "body";
    return { kind: "answered", answer };
  } catch (error) {
    const failure = failureOf(error, watch, request.body);
    if (provesBad(failure, error, request.body)) lease.settle("bad");
    else if (failure.kind === "bad_answer") lease.settle("good");
    return failure;
  } finally {
    // What is still on its way keeps the lease, and gives it back at its end.
    if (keeps === "nothing") watch.ended();
    else if (keeps === "upload") watch.left();
    else watch.pause();
  }
}

/** Only what a target did, never what a client did, speaks against it. */
function provesBad({ kind, neverSent }: Failure, error: unknown, upload: Upload | null): boolean {
  if (error instanceof TransportError && error.failure === "unsendable") return false;
  if (kind !== "unavailable" && kind !== "timeout") return false;
  return neverSent || upload === null || upload.done;
}

function failureOf(error: unknown, watch: Watch, upload: Upload | null): Failure {
  const neverSent = error instanceof TransportError &&
    (error.failure === "unreachable" || error.failure === "connect_timeout");
  const failed = (kind: Failure["kind"], reason: string) => ({ kind, reason, neverSent });
  switch (watch.givenUp) {
    case "timeout":
      return failed("timeout", "no answer in time");
    case "client_gone":
      return failed("client_gone", "the client has gone");
    case "client_idle":
      return failed("body_broken", "the client stopped sending");
    case "ended":
      return failed("ended", "the session behind it has ended");
  }
  if (upload?.failure === "too_large") return failed("too_large", "the body is too large");
  if (upload?.failure === "broken") return failed("body_broken", "the client broke off its body");
  if (!(error instanceof TransportError)) return failed("unavailable", "the request failed");
  switch (error.failure) {
    case "connect_timeout":
      return failed("timeout", error.reason);
    case "bad_answer":
    case "unsupported":
      return failed(error.failure, error.reason);
    case "unreachable":
    case "cut":
    case "unsendable":
      return failed("unavailable", error.reason);
  }
}

/** Without a stack: it is no fault, and the runtime writes it to its log. */
const GIVEN_UP = Object.assign(new Error("given up"), { stack: "" });

/** Watches one attempt from its first byte to the last of its answer. */
class Watch implements Swept, BodyObserver, EventListenerObject {
  sweepNext: Swept | null = null;
  sweepPrevious: Swept | null = null;
  isSwept = false;
  givenUp: GivenUp | null = null;
  readonly #parts: AttemptParts;
  readonly #upload: Upload | null;
  #exchange: Exchange | null = null;
  #deadlineMs = 0;
  /** When it is tied; `Infinity`: not, or not any more. */
  #tieAtMs = Infinity;
  #untie: (() => void) | null = null;
  #hears: AbortSignal | null = null;
  #hasEnded = false;
  constructor(parts: AttemptParts, upload: Upload | null) {
    this.#parts = parts;
    this.#upload = upload;
    if (upload !== null) upload.onProgress = () => this.#allow(parts.patience.timeoutMs);
  }

  begin(exchange: Exchange): void {
    const { patience, sweep, tie } = this.#parts;
    const nowMs = performance.now();
    this.#exchange = exchange;
    this.#deadlineMs = nowMs + patience.timeoutMs;
    if (tie !== null) this.#tieAtMs = nowMs + tie.afterMs;
    sweep.add(this);
  }

  #allow(forMs: number): void {
    this.#deadlineMs = performance.now() + forMs;
    this.#parts.lease.extend(forMs);
  }

  swept(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) {
      this.#giveUp(this.#upload?.waitsForClient ? "client_idle" : "timeout");
      return;
    }
    this.#listen();
    if (nowMs >= this.#tieAtMs) {
      this.#tieAtMs = Infinity;
      this.#untie = this.#parts.tie?.attach(() => this.#giveUp("ended")) ?? null;
    }
    this.#exchange?.hurry();
  }

  /**
   * A client that goes away in the first moments is noticed at the end of them:
   * most upstreams have answered by then, and listening costs more than all the
   * rest of the watch.
   */
  #listen(): void {
    if (this.#hears !== null) return;
    const { signal } = this.#parts.client;
    this.#hears = signal;
    if (signal.aborted) this.handleEvent();
    else signal.addEventListener("abort", this, { once: true });
  }

  /** The client's signal: nobody listens any more. */
  handleEvent(): void {
    this.#giveUp("client_gone");
  }

  #giveUp(why: GivenUp): void {
    this.givenUp ??= why;
    this.pause();
    this.#exchange?.abort(GIVEN_UP);
  }

  /** The head has come, or never will; whoever reads the body ties it anew. */
  pause(): void {
    this.#parts.sweep.remove(this);
    this.#tieAtMs = Infinity;
    this.#untie?.();
    this.#untie = null;
    // Whoever reads the body cancels it when the client goes away.
    this.#hears?.removeEventListener("abort", this);
    this.#hears = null;
  }

  waiting(): void {
    if (this.#hasEnded) return;
    this.#deadlineMs = performance.now() + this.#parts.patience.idleTimeoutMs;
    this.#parts.sweep.add(this);
  }

  arrived(): void {
    this.#parts.sweep.remove(this);
  }

  full(): void {
    if (this.#hasEnded) return;
    this.#deadlineMs = performance.now() + this.#parts.patience.clientIdleMs;
    this.#parts.sweep.add(this);
  }

  /** Nobody will see the end of the answer: an upload may go on for as long as its request. */
  left(): void {
    this.#hasEnded = true;
    this.pause();
    this.#parts.lease.release();
    if (this.#upload !== null) this.#upload.onProgress = () => {};
  }

  ended(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.pause();
    this.#parts.lease.release();
    const upload = this.#upload;
    // What is left of an upload after its answer is not wanted any more.
    if (upload?.started && !upload.done) upload.cancel();
  }
}
