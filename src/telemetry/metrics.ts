/**
 * What the gateway measures, each name once: requests, sign-ins, the store, revocations, reloads.
 * Every label value is one of a closed list or comes from the configuration, never from a request.
 *
 * @module
 */
import { authenticationInstrument, type CountAuthentication } from "./authentications.ts";
import { createGauges, type GaugeSources } from "./gauges.ts";
import { boundedLabels } from "./meter.ts";
import type { Meter } from "./meter.ts";
import { HTTP_SECONDS, peopleInstruments, type PeopleMetrics } from "./people.ts";

/** A proxied request that was answered. Times are in milliseconds. */
export interface AnsweredRequest {
  /** The pattern of the route, never the path. */
  readonly route: string;
  readonly upstream: string;
  readonly method: string;
  readonly status: number;
  /** From the first look at the request until its answer began. */
  readonly totalMs: number;
  /** Of these, how long the upstream was waited for. */
  readonly upstreamMs: number;
  /** What the upstream did. */
  readonly outcome: UpstreamOutcome;
}

/** What became of a request to an upstream. */
export type UpstreamOutcome =
  | "answered"
  | "timeout"
  | "unavailable"
  | "busy"
  | "down"
  | "too_large"
  | "abandoned";

/** What became of a call of the store. */
export type StoreResult = "ok" | "unavailable" | "error";

/** What stays open after its request. */
export type LongLivedKind = "websocket" | "stream";

/** Takes what the rooms have to say; never throws, never waits. */
export interface GatewayMetrics extends PeopleMetrics {
  answered(request: AnsweredRequest): void;
  store(operation: string, result: StoreResult, durationMs: number): void;
  readonly authenticated: CountAuthentication;
  /** How long a revocation made elsewhere took to hold here. */
  revocationPropagated(delayMs: number): void;
  /** A WebSocket or a stream has begun; call the returned function with the reason of its end. */
  longLived(kind: LongLivedKind): (reason: string) => void;
  /** The keys of an issuer or a provider were fetched, or could not be. */
  keySet(issuer: string, result: "refreshed" | "failed"): void;
  /** A browser sent a request without having renewed its bound session first. */
  renewalSkipped(reason: string): void;
  /** A configuration was put in force (`ok`) or refused. */
  reloaded(ok: boolean): void;
  /** Says where gauges are read from; sources may come later and replace earlier ones. */
  watch(sources: Partial<GaugeSources>): void;
  /** All of it in the Prometheus text format. */
  render(): Promise<string>;
}

/** What the gateway itself takes is far below a millisecond. */
const OVERHEAD_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1];
const STORE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const PROPAGATION_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30];

const METHODS: ReadonlySet<string> = new Set([
  ..."GET HEAD POST PUT PATCH DELETE OPTIONS".split(" "),
]);

/** Creates the gateway's instruments on a meter. */
export function createGatewayMetrics(
  meter: Meter,
  about: { readonly version: string; readonly runtime: string },
): GatewayMetrics {
  const sources: Partial<GaugeSources> = {};
  const requests = requestInstruments(meter);
  const people = peopleInstruments(meter);
  const store = meter.histogram({
    name: "postern_store_command_duration_seconds",
    help: "Round trips to the session store.",
    labels: ["command", "result"],
    buckets: STORE_SECONDS,
  });
  const propagation = meter.histogram({
    name: "postern_revocation_propagation_seconds",
    help: "From a revocation elsewhere until it held on this instance, by the clocks of both.",
    labels: [],
    buckets: PROPAGATION_SECONDS,
  });
  const keySets = meter.counter({
    name: "postern_jwks_refreshes_total",
    help: "Fetches of the keys of issuers and providers, by outcome.",
    labels: ["issuer", "result"],
  });
  const skipped = meter.counter({
    name: "postern_binding_renewals_skipped_total",
    help: "Requests that a browser sent without having renewed its bound session (DBSC), by why.",
    labels: ["reason"],
  });
  const reloads = reloadInstruments(meter);
  createGauges(meter, sources, about);

  return {
    ...requests,
    ...people,
    authenticated: authenticationInstrument(meter),
    store: (command, result, durationMs) => store({ command, result })(durationMs / 1000),
    revocationPropagated: (delayMs) => propagation({})(Math.max(0, delayMs) / 1000),
    keySet: (issuer, result) => keySets({ issuer, result })(1),
    renewalSkipped: (reason) => skipped({ reason })(1),
    reloaded: reloads,
    watch: (more) => void Object.assign(sources, more),
    render: () => meter.render(),
  };
}

function requestInstruments(meter: Meter): Pick<GatewayMetrics, "answered" | "longLived"> {
  const total = meter.counter({
    name: "postern_proxied_requests_total",
    help: "Requests that were passed on, by the status of their answer.",
    labels: ["upstream", "status"],
  });
  const duration = meter.histogram({
    name: "postern_http_request_duration_seconds",
    help: "From the arrival of a proxied request until its answer began.",
    labels: ["route", "upstream", "method", "status_class"],
    buckets: HTTP_SECONDS,
  });
  const overhead = meter.histogram({
    name: "postern_gateway_overhead_seconds",
    help: "What the gateway itself added to a proxied request.",
    labels: [],
    buckets: OVERHEAD_SECONDS,
  })({});
  const upstreamDuration = meter.histogram({
    name: "postern_upstream_request_duration_seconds",
    help: "From sending a request to an upstream until its answer began.",
    labels: ["upstream", "outcome"],
    buckets: HTTP_SECONDS,
  });
  // One look-up for each request, not one for each instrument.
  const takesOf = boundedLabels(
    ["route", "upstream", "method", "status", "outcome"],
    ({ route, upstream, method, status, outcome }) => ({
      total: total({ upstream, status }),
      duration: duration({ route, upstream, method, status_class: `${status.charAt(0)}xx` }),
      upstreamDuration: upstreamDuration({ upstream, outcome }),
    }),
  );
  const open = new Map<LongLivedKind, number>();
  const ended = meter.counter({
    name: "postern_long_lived_ended_total",
    help: "WebSockets and streams that ended, by reason.",
    labels: ["kind", "reason"],
  });
  meter.gauge({
    name: "postern_long_lived_connections",
    help: "WebSockets and event streams that are open.",
    labels: ["kind"],
  }, () => Array.from(open, ([kind, value]) => ({ labels: { kind }, value })));

  return {
    answered({ route, upstream, method, status, totalMs, upstreamMs, outcome }) {
      const kind = METHODS.has(method) ? method : "other";
      const take = takesOf({ route, upstream, method: kind, status: String(status), outcome });
      take.total(1);
      take.duration(totalMs / 1000);
      take.upstreamDuration(upstreamMs / 1000);
      overhead(Math.max(0, totalMs - upstreamMs) / 1000);
    },
    longLived(kind) {
      open.set(kind, (open.get(kind) ?? 0) + 1);
      let isOpen = true;
      return (reason) => {
        if (!isOpen) return;
        isOpen = false;
        open.set(kind, (open.get(kind) ?? 1) - 1);
        ended({ kind, reason })(1);
      };
    },
  };
}

function reloadInstruments(meter: Meter): (ok: boolean) => void {
  const reloads = meter.counter({
    name: "postern_config_reloads_total",
    help: "Attempts to put a changed configuration in force.",
    labels: ["result"],
  });
  for (const result of ["success", "failure"]) reloads({ result })(0);
  let last: boolean | null = null;
  meter.gauge({
    name: "postern_config_last_reload_successful",
    help: "Whether the configuration that was last offered is in force (1) or was refused (0).",
    labels: [],
  }, () => [{ labels: {}, value: last === false ? 0 : 1 }]);
  return (ok) => {
    last = ok;
    reloads({ result: ok ? "success" : "failure" })(1);
  };
}
