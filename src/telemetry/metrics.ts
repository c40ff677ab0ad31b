/**
 * Counters and gauges in the Prometheus text format (version 0.0.4). Small
 * enough to run on every runtime; the usual client library needs Node.js.
 *
 * @module
 */
import type { AuditEvent } from "./events.ts";

/** What the gateway counts. */
export interface Metrics {
  /** A proxied request was answered. */
  proxied(upstream: string, status: number): void;
  /** An audit event happened. */
  event(event: AuditEvent): void;
  /** All of it as text. */
  render(gauges: Readonly<Record<string, number>>): string;
}

/** Creates empty counters. */
export function createMetrics(): Metrics {
  const requests = new Map<string, number>();
  const events = new Map<string, number>();
  const denials = new Map<string, number>();
  const add = (counter: Map<string, number>, labels: string) =>
    counter.set(labels, (counter.get(labels) ?? 0) + 1);

  return {
    proxied(upstream, status) {
      add(requests, `upstream="${upstream}",status="${status}"`);
    },
    event(event) {
      add(events, `event="${event.event}"`);
      if (event.event === "denied") add(denials, `code="${event.code}"`);
    },
    render(gauges) {
      const lines = [
        ...counter(
          "postern_proxied_requests_total",
          "Requests answered by an upstream.",
          requests,
        ),
        ...counter("postern_auth_events_total", "Audit events.", events),
        ...counter("postern_denied_total", "Requests turned away, by problem code.", denials),
      ];
      for (const [name, value] of Object.entries(gauges)) {
        lines.push(`# TYPE ${name} gauge`, `${name} ${Number.isFinite(value) ? value : "+Inf"}`);
      }
      return `${lines.join("\n")}\n`;
    },
  };
}

function counter(name: string, help: string, values: ReadonlyMap<string, number>): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} counter`,
    ...Array.from(values, ([labels, value]) => `${name}{${labels}} ${value}`),
  ];
}
