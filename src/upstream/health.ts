/**
 * Active health checks: each target is asked by itself whether it works. Only
 * where the runtime lets work be done outside a request.
 *
 * @module
 */
import type { Background } from "../base/background.ts";
import type { HealthOptions } from "./options.ts";
import type { Pool } from "./pool.ts";
import type { BodyObserver, Transport, WireRequest } from "./transport.ts";

/** What checking is made of. */
export interface HealthParts {
  readonly pool: Pool;
  /** One for each target. */
  readonly transports: readonly Transport[];
  readonly background: Background;
}

/** Begins to check the targets of an upstream; what it returns ends that. */
export function startHealthChecks(options: HealthOptions, parts: HealthParts): () => void {
  const end = new AbortController();
  parts.transports.forEach((transport, index) => {
    const check = createCheck(transport, options, (isHealthy) => {
      parts.pool.report(index, isHealthy);
    });
    parts.background.repeat(
      (stop) => end.signal.aborted ? Promise.resolve() : check(AbortSignal.any([stop, end.signal])),
      options.intervalMs,
    );
  });
  return () => end.abort();
}

function createCheck(
  transport: Transport,
  options: HealthOptions,
  report: (isHealthy: boolean) => void,
): (stop: AbortSignal) => Promise<void> {
  let isHealthy = true;
  let contradictions = 0;
  return async function check(stop) {
    const isGood = await answersWell(transport, options, stop);
    if (stop.aborted) return;
    contradictions = isGood === isHealthy ? 0 : contradictions + 1;
    if (isGood === isHealthy) return;
    if (contradictions < (isHealthy ? options.unhealthyAfter : options.healthyAfter)) return;
    contradictions = 0;
    isHealthy = isGood;
    report(isHealthy);
  };
}

const UNOBSERVED: BodyObserver = { waiting() {}, arrived() {}, full() {}, ended() {} };
const STOPPED = new Error("the check is over");

async function answersWell(
  transport: Transport,
  { path, timeoutMs }: HealthOptions,
  stop: AbortSignal,
): Promise<boolean> {
  const request: WireRequest = {
    method: "GET",
    target: path,
    headers: [["user-agent", "postern-health"]],
    body: null,
    upgrades: false,
  };
  const exchange = transport.send(request, UNOBSERVED);
  const giveUp = () => exchange.abort(STOPPED);
  const timer = setTimeout(giveUp, timeoutMs);
  stop.addEventListener("abort", giveUp, { once: true });
  try {
    await exchange.headed;
    const { status, body } = exchange.answer();
    if (body instanceof ReadableStream) await body.cancel().catch(() => {});
    return status >= 200 && status < 300;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", giveUp);
  }
}
