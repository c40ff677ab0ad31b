/**
 * The targets of one upstream: which of them gets the next request, and which
 * is given a rest because it fails.
 *
 * Ejection after failures in a row, with one trial after a while, is a circuit
 * breaker for each target. It is written out here, synchronous and without a
 * timer: a library such as cockatiel wraps each call in promises and events,
 * and can not be asked beforehand which target would let a request through.
 *
 * @module
 */
import type { UpstreamConfig } from "../config/config.ts";

/** One target. Settled by exactly one of `succeeded` and `failed`, then `release`d. */
export interface Target {
  /** Scheme, host and port. */
  readonly origin: string;
  /** It answered. */
  succeeded(): void;
  /** It could not be reached, or broke off before it answered. */
  failed(): void;
  /** Nothing was learnt of it: the client went away. */
  abandoned(): void;
  /** The request that was given to it has ended. */
  release(): void;
}

/** A target, or why there is none. */
export type Selection =
  | { readonly kind: "target"; readonly target: Target }
  /** As many requests are under way as the upstream may have. */
  | { readonly kind: "busy" }
  /** Every target is resting, the first of them until then. */
  | { readonly kind: "down"; readonly retryAfterMs: number };

/** Chooses among targets. */
export interface Pool {
  /** Takes the target with the fewest requests under way; `except` has just failed. */
  take(except?: Target): Selection;
  /** Whether there is another target to try. */
  readonly hasOthers: boolean;
  /** What active health checks found. */
  report(origin: string, isHealthy: boolean): void;
  /** Requests under way. */
  readonly underWay: number;
}

/** A monotonic clock, in milliseconds. */
export type MonotonicNow = () => number;

/** Prepares the pool of an upstream. */
export function createPool(
  upstream: Pick<UpstreamConfig, "targets" | "maxConcurrent" | "ejection" | "health">,
  nowMs: MonotonicNow = () => performance.now(),
): Pool {
  const { ejection, maxConcurrent } = upstream;
  let underWay = 0;

  class PooledTarget implements Target {
    outstanding = 0;
    isHealthy = true;
    #failures = 0;
    /** 0: in use. */
    restsUntilMs = 0;
    #onTrial = false;

    constructor(readonly origin: string) {}

    isAvailable(): boolean {
      if (!this.isHealthy) return false;
      return this.restsUntilMs === 0 || (!this.#onTrial && nowMs() >= this.restsUntilMs);
    }

    take(): void {
      underWay++;
      this.outstanding++;
      if (this.restsUntilMs !== 0) this.#onTrial = true;
    }

    succeeded(): void {
      this.#failures = 0;
      this.restsUntilMs = 0;
      this.#onTrial = false;
    }

    failed(): void {
      if (ejection === null) return;
      this.#failures++;
      // A late failure of an old request says nothing new of a target at rest.
      if (this.restsUntilMs !== 0 && !this.#onTrial) return;
      if (this.#onTrial || this.#failures >= ejection.failures) {
        this.restsUntilMs = nowMs() + ejection.forMs;
      }
      this.#onTrial = false;
    }

    abandoned(): void {
      this.#onTrial = false;
    }

    release(): void {
      underWay--;
      this.outstanding--;
    }
  }

  const targets = upstream.targets.map((origin) => new PooledTarget(origin));
  const [only] = targets;
  const isSingle = targets.length === 1;
  let turn = 0;

  function choose(except: Target | undefined): PooledTarget | null {
    if (isSingle && only !== undefined) return only.isAvailable() ? only : null;
    let best: PooledTarget | null = null;
    // From a different place each time, so that equals take turns.
    const start = turn++ % targets.length;
    for (let step = 0; step < targets.length; step++) {
      const target = targets[(start + step) % targets.length];
      if (target === undefined || target === except || !target.isAvailable()) continue;
      if (best === null || target.outstanding < best.outstanding) best = target;
    }
    return best;
  }

  return {
    hasOthers: targets.length > 1,
    get underWay() {
      return underWay;
    },
    take(except) {
      if (underWay >= maxConcurrent) return BUSY;
      const target = choose(except);
      if (target === null) return { kind: "down", retryAfterMs: soonestReturnMs() };
      target.take();
      return { kind: "target", target };
    },
    report(origin, isHealthy) {
      for (const target of targets) {
        if (target.origin !== origin) continue;
        // A target that works again by its own word needs no further rest.
        if (isHealthy && !target.isHealthy) target.succeeded();
        target.isHealthy = isHealthy;
      }
    },
  };

  function soonestReturnMs(): number {
    let soonest = upstream.health?.intervalMs ?? ejection?.forMs ?? 1_000;
    for (const { isHealthy, restsUntilMs } of targets) {
      if (isHealthy && restsUntilMs > 0) soonest = Math.min(soonest, restsUntilMs - nowMs());
    }
    return Math.max(1, soonest);
  }
}

const BUSY: Selection = { kind: "busy" };
