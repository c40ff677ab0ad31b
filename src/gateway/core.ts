/**
 * What lives as long as the process, whichever configuration is in force:
 * store, keys, clock, events, metrics and the view of what is revoked.
 *
 * @module
 */
import { VERSION } from "../base/version.ts";
import type { GatewayConfig } from "../config/config.ts";
import { createReassert } from "../sessions/reassert.ts";
import { createRequestSpans, type RequestSpans } from "../http/request_spans.ts";
import { createRevocationView } from "../sessions/revocation_view.ts";
import type { RevocationView } from "../sessions/revocation_view.ts";
import { type Activity, createActivity } from "../telemetry/activity.ts";
import type { AuditEvent, EventSink } from "../telemetry/events.ts";
import { createGatewayMetrics, type GatewayMetrics } from "../telemetry/metrics.ts";
import { createRecentEvents, type RecentEvents } from "../telemetry/recent.ts";
import { createSmallMeter } from "../telemetry/small_meter.ts";
import { createTokenScanner } from "../tokens/scan.ts";
import { createKeyUsage, type KeyUsage } from "./key_usage.ts";
import { createKeySetLog, type KeySetLog } from "./key_set_log.ts";
import { createLifecycle, type Lifecycle } from "./lifecycle.ts";
import type { CorePorts, Peers } from "./ports.ts";
import { timedStore } from "./timed_store.ts";

/** The parts that every configuration shares. */
export interface Core extends Pick<CorePorts, "store" | "keys" | "clock"> {
  readonly keyUsage: KeyUsage;
  /** Takes events, and counts them on the way to the log. */
  readonly events: EventSink;
  readonly metrics: GatewayMetrics;
  readonly activity: Activity;
  readonly recent: RecentEvents;
  readonly view: RevocationView;
  readonly lifecycle: Lifecycle;
  readonly keySets: KeySetLog;
  /** `null`: nobody collects spans. */
  readonly spans: RequestSpans | null;
}

/** Builds the core. A change of `revocation` takes a restart. */
export function createCore(
  { store, keys, clock, events: log, isolatesRequests, meter, spans, onAnswered, peers, runtime }:
    CorePorts,
  { revocation, tokens }: Pick<GatewayConfig, "revocation" | "tokens">,
): Core {
  const activity = createActivity(clock);
  const recent = createRecentEvents(clock);
  const made = createGatewayMetrics(meter ?? createSmallMeter(), {
    version: VERSION,
    runtime: runtime ?? "unknown",
  });
  const metrics: GatewayMetrics = {
    ...made,
    answered(request) {
      made.answered(request);
      activity.answered(request.status);
      onAnswered?.(request.status);
    },
  };
  const { redact } = createTokenScanner(tokens);
  const events: EventSink = (written, context) => {
    const event = withoutTokens(written, redact);
    metrics.event(event);
    activity.event(event);
    recent.sink(event, context);
    log(event, context);
  };
  const timed = timedStore(store, metrics, revocation);
  const own = createRevocationView({
    store: timed,
    clock,
    ...revocation,
    isolatesRequests,
    ...(isolatesRequests ? {} : { onForgotten: createReassert(timed, clock) }),
    onError: (error) =>
      events(
        { event: "store_unavailable", reason: String(error) },
        { requestId: "-", clientAddress: "-" },
      ),
  });
  // Polling stays as the net under it; on Workers, where nothing lasts, it is alone.
  if (!isolatesRequests) store.listen?.(own.pull);
  const view = peers === undefined ? own : sharedView(own, peers);
  const keySets = createKeySetLog(clock, metrics.keySet);
  metrics.watch({
    view: () => ({ ageMs: view.ageMs(), entries: view.size() }),
    keySets: keySets.ages,
  });
  return {
    store: timed,
    keys,
    keyUsage: createKeyUsage(clock),
    clock,
    events,
    metrics,
    activity,
    recent,
    view,
    lifecycle: createLifecycle(events),
    keySets,
    spans: spans === undefined ? null : createRequestSpans(spans),
  };
}

/** Longer paths are cut in the log. */
const MAX_LOGGED_PATH = 256;

/** What a client or a library wrote into an event is logged without any token in it. */
function withoutTokens(event: AuditEvent, redact: (text: string) => string): AuditEvent {
  if ("path" in event) {
    // Cut afterwards: half a token is not known for one.
    const path = redact(event.path).slice(0, MAX_LOGGED_PATH);
    return path === event.path ? event : { ...event, path };
  }
  if ("reason" in event && typeof event.reason === "string") {
    const reason = redact(event.reason);
    return reason === event.reason ? event : { ...event, reason } as AuditEvent;
  }
  return event;
}

/** A view that tells its peers what is revoked here, and takes what is revoked there. */
function sharedView(own: RevocationView, peers: Peers): RevocationView {
  peers.listen((revocation) => own.apply(revocation));
  return {
    ...own,
    apply(revocation) {
      own.apply(revocation);
      peers.tell(revocation);
    },
  };
}

/** The same core with other keys. */
export function withKeys(core: Core, keys: CorePorts["keys"]): Core {
  return { ...core, keys };
}
