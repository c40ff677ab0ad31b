/**
 * What lives as long as the process, whichever configuration is in force:
 * store, keys, clock, events, metrics and the view of what is revoked.
 *
 * @module
 */
import type { GatewayConfig } from "../config/config.ts";
import { createRevocationView } from "../sessions/revocation_view.ts";
import type { RevocationView } from "../sessions/revocation_view.ts";
import type { EventSink } from "../telemetry/events.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { CorePorts } from "./ports.ts";

/** The parts that every configuration shares. */
export interface Core extends Pick<CorePorts, "store" | "keys" | "clock"> {
  /** Takes events, and counts them on the way to the log. */
  readonly events: EventSink;
  readonly metrics: Metrics;
  readonly view: RevocationView;
}

/** Builds the core. A change of `revocation` takes a restart. */
export function createCore(
  { store, keys, clock, events, isolatesRequests }: CorePorts,
  { revocation }: Pick<GatewayConfig, "revocation">,
): Core {
  const metrics = createMetrics();
  const counted: EventSink = (event, context) => {
    if (event.event !== "request") metrics.event(event);
    events(event, context);
  };
  const view = createRevocationView({
    store,
    clock,
    ...revocation,
    isolatesRequests,
    onError: (error) =>
      counted(
        { event: "store_unavailable", reason: String(error) },
        { requestId: "-", clientAddress: "-" },
      ),
  });
  return { store, keys, clock, events: counted, metrics, view };
}
