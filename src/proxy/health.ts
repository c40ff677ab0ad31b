/**
 * Active health checks: each target is asked by itself whether it works. Only
 * where the runtime lets work be done outside a request.
 *
 * @module
 */
import type { Background } from "../base/background.ts";
import type { HealthConfig, UpstreamConfig } from "../config/config.ts";
import type { Pool } from "./pool.ts";

/** Begins to check the targets of an upstream. */
export function startHealthChecks(
  upstream: UpstreamConfig,
  health: HealthConfig,
  parts: { readonly pool: Pool; readonly fetch: typeof fetch; readonly background: Background },
): void {
  for (const origin of upstream.targets) {
    const check = createCheck(origin, health, parts.fetch, parts.pool);
    parts.background.repeat(check, health.intervalMs);
  }
}

function createCheck(
  origin: string,
  health: HealthConfig,
  fetch: typeof globalThis.fetch,
  pool: Pool,
): (signal: AbortSignal) => Promise<void> {
  let isHealthy = true;
  let contradictions = 0;
  return async function check(stop) {
    const isGood = await answersWell(origin + health.path, health.timeoutMs, fetch, stop);
    if (stop.aborted) return;
    contradictions = isGood === isHealthy ? 0 : contradictions + 1;
    if (isGood === isHealthy) return;
    if (contradictions < (isHealthy ? health.unhealthyAfter : health.healthyAfter)) return;
    contradictions = 0;
    isHealthy = isGood;
    pool.report(origin, isHealthy);
  };
}

async function answersWell(
  url: string,
  timeoutMs: number,
  fetch: typeof globalThis.fetch,
  stop: AbortSignal,
): Promise<boolean> {
  const abort = new AbortController();
  const giveUp = () => abort.abort();
  const timer = setTimeout(giveUp, timeoutMs);
  stop.addEventListener("abort", giveUp, { once: true });
  try {
    const response = await fetch(url, {
      headers: { "user-agent": "postern-health" },
      redirect: "manual",
      signal: abort.signal,
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", giveUp);
  }
}
