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
import type { UpstreamOptions } from "./options.ts";

/** A monotonic clock, in milliseconds. */
export type MonotonicNow = () => number;

/** What a request has shown of its target. */
export type Verdict =
  /** It answers. */
  | "good"
  /** It could not be reached, or broke off, or said nothing in time, for no fault of the client. */
  | "bad";

/**
 * A target and a place among the requests under way, in one hand. Whoever took
 * it releases it in a `finally`; until then it may be settled once. Released
 * unsettled it has shown nothing.
 */
export interface Lease {
  /** Of the target, among those of the upstream. */
  readonly index: number;
  settle(verdict: Verdict): void;
  /** Gives both back; a second time does nothing. */
  release(): void;
  /** The request lives: it may keep what it has for that long again. */
  extend(forMs: number): void;
}

/** A lease, or why there is none. */
export type Selection =
  | { readonly kind: "lease"; readonly lease: Lease }
  /** As many requests are under way as the upstream may have. */
  | { readonly kind: "busy" }
  /** Every target is resting, the first of them until then. */
  | { readonly kind: "down"; readonly retryAfterMs: number };

/** Chooses among targets. */
export interface Pool {
  /** Takes the target with the fewest requests under way; `except` has just failed. */
  take(except?: number): Selection;
  /** Whether there is another target to try. */
  readonly hasOthers: boolean;
  /** What active health checks found. */
  report(index: number, isHealthy: boolean): void;
  /** Requests under way. */
  readonly underWay: number;
  /** How each target is, in the order of the configuration. */
  states(): readonly TargetState[];
}

/** How a target is at the moment. */
export interface TargetState {
  /** Whether it is given requests. */
  readonly healthy: boolean;
  /** Until it is tried again; `null`: it does not rest, or only a health check can wake it. */
  readonly restsForMs: number | null;
  readonly underWay: number;
}

/** What a pool must know. */
export type PoolOptions = Pick<
  UpstreamOptions,
  "targets" | "maxConcurrent" | "ejection" | "health" | "timeoutMs"
>;

class Target {
  outstanding = 0;
  isHealthy = true;
  failures = 0;
  /** 0: in use. */
  restsUntilMs = 0;
  /** Who is on trial for it, and until when he may be. */
  trial: Lease | null = null;
  trialUntilMs = 0;
}

/**
 * Prepares the pool of an upstream. `losesRequests`: the runtime may drop a
 * request without running its `finally` (Workers, when the client goes away), so
 * that a lease which nobody extends expires.
 */
export function createPool(
  options: PoolOptions,
  { losesRequests = false, nowMs = () => performance.now() }: {
    readonly losesRequests?: boolean;
    readonly nowMs?: MonotonicNow;
  } = {},
): Pool {
  const { ejection, maxConcurrent, timeoutMs } = options;
  const targets = options.targets.map(() => new Target());
  const [only] = targets;
  const isSingle = targets.length === 1;
  let underWay = 0;
  let turn = 0;
  /** Leases in the order of taking, where they can be lost. */
  let oldest: HeldTarget | null = null;
  let newest: HeldTarget | null = null;

  class HeldTarget implements Lease {
    expiresAtMs = 0;
    next: HeldTarget | null = null;
    #isReleased = false;
    #isSettled = false;

    constructor(readonly index: number, readonly target: Target) {}

    settle(verdict: Verdict): void {
      if (this.#isSettled || this.#isReleased) return;
      this.#isSettled = true;
      const { target } = this;
      const wasTrial = target.trial === this;
      if (wasTrial) target.trial = null;
      if (verdict === "good") {
        target.failures = 0;
        target.restsUntilMs = 0;
        return;
      }
      if (ejection === null) return;
      target.failures++;
      // A late failure of an old request says nothing new of a target at rest.
      if (target.restsUntilMs !== 0 && !wasTrial) return;
      if (wasTrial || target.failures >= ejection.failures) {
        target.restsUntilMs = nowMs() + ejection.forMs;
      }
    }

    release(): void {
      if (this.#isReleased) return;
      this.#isReleased = true;
      if (this.target.trial === this) this.target.trial = null;
      underWay--;
      this.target.outstanding--;
    }

    extend(forMs: number): void {
      if (losesRequests) this.expiresAtMs = nowMs() + forMs;
    }

    get isReleased(): boolean {
      return this.#isReleased;
    }
  }

  function isAvailable(target: Target): boolean {
    if (!target.isHealthy) return false;
    if (target.restsUntilMs === 0) return true;
    const now = nowMs();
    if (now < target.restsUntilMs) return false;
    // A trial that never ends is no reason to rest for ever.
    return target.trial === null || now >= target.trialUntilMs;
  }

  function choose(except: number | undefined): number {
    if (isSingle && only !== undefined) return except === undefined && isAvailable(only) ? 0 : -1;
    let best = -1;
    let fewest = Infinity;
    // From a different place each time, so that equals take turns.
    const start = turn++ % targets.length;
    for (let step = 0; step < targets.length; step++) {
      const index = (start + step) % targets.length;
      const target = targets[index];
      if (target === undefined || index === except || !isAvailable(target)) continue;
      if (target.outstanding < fewest) {
        best = index;
        fewest = target.outstanding;
      }
    }
    return best;
  }

  /** Gives back what was lost. Those that were extended go to the end of the line. */
  function reclaim(): void {
    const now = nowMs();
    const last = newest;
    for (let each = oldest; each !== null; each = oldest) {
      const isLast = each === last;
      if (!each.isReleased && now < each.expiresAtMs && underWay < maxConcurrent) return;
      oldest = each.next;
      if (oldest === null) newest = null;
      each.next = null;
      if (!each.isReleased) {
        if (now >= each.expiresAtMs) each.release();
        else append(each);
      }
      if (isLast) return;
    }
  }

  function append(held: HeldTarget): void {
    if (newest === null) oldest = held;
    else newest.next = held;
    newest = held;
  }

  function hold(index: number, target: Target): Lease {
    const held = new HeldTarget(index, target);
    underWay++;
    target.outstanding++;
    if (target.restsUntilMs !== 0) {
      target.trial = held;
      target.trialUntilMs = nowMs() + timeoutMs;
    }
    if (losesRequests) {
      held.extend(timeoutMs);
      append(held);
    }
    return held;
  }

  return {
    hasOthers: targets.length > 1,
    get underWay() {
      return underWay;
    },
    take(except) {
      if (losesRequests) reclaim();
      if (underWay >= maxConcurrent) return BUSY;
      const index = choose(except);
      const target = targets[index];
      if (target === undefined) return { kind: "down", retryAfterMs: soonestReturnMs() };
      return { kind: "lease", lease: hold(index, target) };
    },
    report(index, isHealthy) {
      const target = targets[index];
      if (target === undefined) return;
      // A target that works again by its own word needs no further rest.
      if (isHealthy && !target.isHealthy) {
        target.failures = 0;
        target.restsUntilMs = 0;
        target.trial = null;
      }
      target.isHealthy = isHealthy;
    },
    states: () =>
      targets.map(({ isHealthy, restsUntilMs, outstanding }) => {
        const restsForMs = restsUntilMs - nowMs();
        const rests = restsUntilMs !== 0;
        return {
          healthy: isHealthy && !rests,
          restsForMs: isHealthy && rests ? Math.max(0, restsForMs) : null,
          underWay: outstanding,
        };
      }),
  };

  function soonestReturnMs(): number {
    let soonest = options.health?.intervalMs ?? ejection?.forMs ?? 1_000;
    for (const { isHealthy, restsUntilMs } of targets) {
      if (isHealthy && restsUntilMs > 0) soonest = Math.min(soonest, restsUntilMs - nowMs());
    }
    return Math.max(1, soonest);
  }
}

const BUSY: Selection = { kind: "busy" };
