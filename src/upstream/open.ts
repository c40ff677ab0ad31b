/**
 * The one door of this room: an upstream, opened from its options and what the
 * runtime brings along.
 *
 * @module
 */
import type { Background } from "../base/background.ts";
import { createAsk } from "./ask.ts";
import { createConnect } from "./connect.ts";
import type { Connect } from "./connect.ts";
import { createForward } from "./forward.ts";
import type { Forward } from "./forward.ts";
import { startHealthChecks } from "./health.ts";
import type { UpstreamOptions } from "./options.ts";
import { createPool } from "./pool.ts";
import type { TargetState } from "./pool.ts";
import { Sweep, sweepPeriodMs } from "./sweep.ts";
import type { Transports } from "./transport.ts";

/**
 * A client that takes nothing of its answer for so long is given up, as nginx does
 * (`send_timeout`): it holds a connection of the upstream and what waits in it.
 */
const CLIENT_IDLE_MS = 60_000;

/** An upstream that can be asked. */
export interface Upstream {
  readonly forward: Forward;
  readonly connect: Connect;
  /** How its targets are at the moment. */
  targets(): readonly (TargetState & { readonly origin: string })[];
  /** Ends health checks; requests under way, and those that still come, go on. */
  close(): void;
}

/**
 * Opens an upstream. `background` is absent where nothing runs outside a
 * request; health checks are refused there (`transports.refusals`).
 */
export function openUpstream(
  options: UpstreamOptions,
  transports: Transports,
  background?: Background,
): Upstream {
  const { targets, timeoutMs, idleTimeoutMs, ejection, health } = options;
  const { isolatesRequests } = transports;
  const pool = createPool(options, { losesRequests: isolatesRequests });
  const opened = targets.map((target) => transports.open(target, options));
  const periodMs = sweepPeriodMs(Math.min(timeoutMs, idleTimeoutMs));
  const shared = new Sweep(periodMs);
  const ask = createAsk({
    transports: opened,
    pool,
    patience: { timeoutMs, idleTimeoutMs, clientIdleMs: options.clientIdleMs ?? CLIENT_IDLE_MS },
    ejection,
    sweepFor: isolatesRequests ? () => new Sweep(periodMs) : () => shared,
    passesUnread: isolatesRequests,
  });
  const endHealthChecks = health === null || background === undefined
    ? () => {}
    : startHealthChecks(health, { pool, transports: opened, background });
  return {
    forward: createForward(ask),
    connect: createConnect(ask, transports.acceptWebSocket),
    targets: () =>
      pool.states().map((state, index) => ({ ...state, origin: targets[index] ?? "" })),
    close: endHealthChecks,
  };
}
