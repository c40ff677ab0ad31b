/**
 * The session store with a watch on it: how long each operation took and how it ended, and how
 * long a revocation needs until it comes back through the feed.
 *
 * @module
 */
import { StoreUnavailableError } from "../base/errors.ts";
import type { RevocationPage, SessionStore } from "../store/port.ts";
import type { GatewayMetrics, StoreResult } from "../telemetry/metrics.ts";

/** Revocations of ours that are looked out for at most; more at once are not measured. */
const MAX_AWAITED = 1000;

/** The same store; `metrics` hears of each round trip. */
export function timedStore(
  store: SessionStore,
  metrics: Pick<GatewayMetrics, "store" | "revocationPropagated">,
  { maxStalenessMs }: { readonly maxStalenessMs: number },
): SessionStore {
  const awaited = new Map<string, number>();
  let polledAtMs = -Infinity;
  const wrapped = new Map<PropertyKey, unknown>();

  function timed(name: string, method: (...args: unknown[]) => unknown) {
    return async (...args: unknown[]): Promise<unknown> => {
      const beganAtMs = performance.now();
      let result: StoreResult = "error";
      try {
        const answer = await method.apply(store, args);
        result = "ok";
        lookOut(name, args[0], answer, beganAtMs);
        return answer;
      } catch (error) {
        if (error instanceof StoreUnavailableError) result = "unavailable";
        throw error;
      } finally {
        metrics.store(name, result, performance.now() - beganAtMs);
      }
    };
  }

  /** What every other instance waits for, this one waits for too, and by one clock. */
  function lookOut(name: string, asked: unknown, answer: unknown, beganAtMs: number): void {
    if (name.startsWith("revoke")) {
      const about = keyOf(asked);
      if (about !== null && awaited.size < MAX_AWAITED) awaited.set(about, beganAtMs);
    } else if (name === "revocationsSince") {
      // Nobody asks without traffic: a wait that nobody had is no delay.
      const wasIdle = beganAtMs - polledAtMs > maxStalenessMs;
      polledAtMs = beganAtMs;
      if (awaited.size === 0) return;
      for (const entry of (answer as RevocationPage).entries) {
        const about = keyOf(entry);
        const sinceMs = about === null ? undefined : awaited.get(about);
        if (about === null || sinceMs === undefined) continue;
        awaited.delete(about);
        if (!wasIdle) metrics.revocationPropagated(performance.now() - sinceMs);
      }
    }
  }

  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function" || name === "close" || typeof name !== "string") return value;
      let own = wrapped.get(name);
      if (own === undefined) {
        own = timed(name, value as (...args: unknown[]) => unknown);
        wrapped.set(name, own);
      }
      return own;
    },
  });
}

/** Whom a revocation is about, in a request and in the feed alike. */
function keyOf(revocation: unknown): string | null {
  if (typeof revocation !== "object" || revocation === null) return null;
  for (const name of ["sid", "jti", "group", "subject"] as const) {
    const value = (revocation as Partial<Record<string, unknown>>)[name];
    if (typeof value === "string") return `${name} ${value}`;
  }
  return null;
}
