/**
 * Watches requests that wait for an upstream: each is given up when its time
 * is over or its client has gone.
 *
 * @module
 */

/** Why a request was given up. */
export type GivenUp = "timeout" | "client_gone";

/** A request being watched. */
export interface Watched {
  /** Abort the upstream request with this. */
  readonly signal: AbortSignal;
  /** Set once it was given up. */
  readonly givenUp: GivenUp | null;
  /** From now on it may take that long again. */
  extend(patienceMs: number): void;
  /** The upstream has answered, or failed: nothing is watched any more. */
  release(): void;
}

/** Begins to watch a request that may take `patienceMs`. */
export type Watch = (request: { readonly signal: AbortSignal }, patienceMs: number) => Watched;

/**
 * A client that goes away in the first moments is noticed at the end of them:
 * most upstreams have answered by then, and listening costs more than all the
 * rest of the watch.
 */
const UNHEARD_MS = 100;

/**
 * Prepares the watch of one upstream: one timer for all its requests, not two
 * each. `shortestMs` is the shortest patience there will be; its end is noticed
 * up to a tenth of a second late.
 */
export function createWatch(shortestMs: number): Watch {
  const sweepMs = Math.min(UNHEARD_MS, Math.max(5, shortestMs / 4));
  /** In the order in which they came. */
  const waiting = new Set<Entry>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  class Entry implements Watched {
    readonly #abort = new AbortController();
    readonly #request: { readonly signal: AbortSignal };
    #deadlineMs: number;
    givenUp: GivenUp | null = null;
    #client: AbortSignal | null = null;

    constructor(request: { readonly signal: AbortSignal }, patienceMs: number) {
      this.#request = request;
      this.#deadlineMs = performance.now() + patienceMs;
    }

    get deadlineMs(): number {
      return this.#deadlineMs;
    }

    get signal(): AbortSignal {
      return this.#abort.signal;
    }

    readonly #onClientGone = () => this.giveUp("client_gone");

    listen(): void {
      if (this.#client !== null) return;
      this.#client = this.#request.signal;
      if (this.#client.aborted) this.giveUp("client_gone");
      else this.#client.addEventListener("abort", this.#onClientGone, { once: true });
    }

    giveUp(why: GivenUp): void {
      this.givenUp = why;
      this.release();
      this.#abort.abort(why);
    }

    extend(patienceMs: number): void {
      if (this.givenUp !== null) return;
      this.#deadlineMs = performance.now() + patienceMs;
      begin(this);
    }

    release(): void {
      this.#client?.removeEventListener("abort", this.#onClientGone);
      if (waiting.delete(this) && waiting.size === 0) {
        clearTimeout(timer);
        timer = undefined;
      }
    }
  }

  function sweep(): void {
    timer = undefined;
    const nowMs = performance.now();
    for (const entry of waiting) {
      if (nowMs >= entry.deadlineMs) entry.giveUp("timeout");
      else entry.listen();
    }
    if (waiting.size > 0) timer ??= setTimeout(sweep, sweepMs);
  }

  function begin(entry: Entry): void {
    waiting.add(entry);
    timer ??= setTimeout(sweep, sweepMs);
  }

  return function watch(request, patienceMs) {
    const entry = new Entry(request, patienceMs);
    begin(entry);
    return entry;
  };
}
