/**
 * Changing the configuration while requests go on: the next gateway is built beside the one in
 * force, and takes its place when nothing is wrong with it. Requests, WebSockets and streams that
 * are under way stay with the gateway that took them.
 *
 * @module
 */
import type { ReloadOutcome } from "../admin/ports.ts";
import type { Clock } from "../base/clock.ts";
import type { EventSink } from "../telemetry/events.ts";
import type { GatewayMetrics } from "../telemetry/metrics.ts";
import type { Gateway } from "./gateway.ts";
import { startProblems } from "./start_problem.ts";

/** A gateway together with what it was made of. */
export interface Loaded {
  readonly gateway: Gateway;
  /** SHA-256 of the configuration; may be shown. */
  readonly hash: string;
  /** Changes with anything that went into the gateway, secrets included; must not be shown. */
  readonly fingerprint: string;
  /** The configuration as it is written, without secrets. */
  readonly redacted: unknown;
}

/** Builds the next gateway, or `null` where nothing has changed since `previous`. */
export type LoadNext = (previous: Loaded) => Promise<Loaded | null>;

/** Holds the gateway in force. */
export interface Reloader {
  current(): Loaded;
  /** When it came into force (epoch milliseconds). */
  sinceMs(): number;
  /** One at a time; who asks meanwhile gets a run that begins afterwards. */
  reload(): Promise<ReloadOutcome>;
}

/** Starts with a gateway that has been built. */
export function createReloader(first: Loaded, parts: {
  readonly load: LoadNext;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly metrics: Pick<GatewayMetrics, "reloaded">;
}): Reloader {
  const { load, clock, events, metrics } = parts;
  let current = first;
  let sinceMs = clock();
  let refused = false;
  let running: Promise<ReloadOutcome> | null = null;
  let waiting: Promise<ReloadOutcome> | null = null;
  const context = { requestId: "-", clientAddress: "-" };

  async function run(): Promise<ReloadOutcome> {
    try {
      const next = await load(current);
      if (next === null) {
        // The mistake was taken back: what is offered is what is in force.
        if (refused) metrics.reloaded(true);
        refused = false;
        return { kind: "unchanged", hash: current.hash };
      }
      const previous = current;
      current = next;
      sinceMs = clock();
      refused = false;
      previous.gateway.close();
      metrics.reloaded(true);
      events({ event: "config_reloaded", hash: next.hash }, context);
      return { kind: "reloaded", hash: next.hash };
    } catch (error) {
      const problems = startProblems(error) ?? [String(error)];
      metrics.reloaded(false);
      refused = true;
      for (const problem of problems) events({ event: "config_refused", problem }, context);
      return { kind: "refused", problems };
    }
  }

  function reload(): Promise<ReloadOutcome> {
    if (running === null) {
      running = run().finally(() => running = null);
      return running;
    }
    // What was read may be older than the change that this call is about.
    return waiting ??= running.then(() => {
      waiting = null;
      return reload();
    });
  }

  return { current: () => current, sinceMs: () => sinceMs, reload };
}
