/**
 * One structured line per audit event: readable in a terminal, JSON in production.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { AuditEvent, EventSink } from "./events.ts";

/** How log lines look. */
export type LogFormat = "text" | "json";

/** Events that somebody should look at. */
const WARNINGS: ReadonlySet<AuditEvent["event"]> = new Set([
  "refresh_reused",
  "sign_in_throttled",
  "forwarding_untrusted",
  "upstream_failed",
  "identity_unavailable",
  "issuer_keys_unavailable",
  "store_unavailable",
]);

/** Creates the sink that writes a line for each event. `write` gets it without a line break. */
export function createEventLog(options: {
  readonly format: LogFormat;
  readonly write: (line: string) => void;
  readonly clock: Clock;
}): EventSink {
  const { format, write, clock } = options;
  return function log(event, context) {
    const { event: name, ...facts } = event;
    const level = name === "internal_error" ? "error" : WARNINGS.has(name) ? "warn" : "info";
    const time = new Date(clock()).toISOString();
    if (format === "json") {
      write(JSON.stringify({
        time,
        level,
        event: name,
        requestId: context.requestId,
        client: context.clientAddress,
        ...facts,
      }));
      return;
    }
    const details = Object.entries(facts).map(([key, value]) => `${key}=${quoted(value)}`);
    write(
      [
        time.slice(11, 23),
        level.toUpperCase().padEnd(5),
        name.padEnd(18),
        ...details,
        `client=${quoted(context.clientAddress)}`,
        `request=${context.requestId}`,
      ].join(" "),
    );
  };
}

/** Quoted unless plain, so that nothing from outside can forge a field or a line. */
function quoted(value: unknown): string {
  const text = String(value);
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}
