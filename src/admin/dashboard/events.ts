/**
 * Audit events as a table.
 *
 * @module
 */
import { html } from "hono/html";
import type { RecentEvent } from "../../telemetry/recent.ts";
import { badge, type Html, table, timeOf } from "./page.ts";

const BAD: ReadonlySet<string> = new Set([
  "refresh_reused",
  "sign_in_throttled",
  "upstream_failed",
  "identity_unavailable",
  "store_unavailable",
  "config_refused",
  "internal_error",
]);

/** The events, youngest first. */
export function eventsTable(events: readonly RecentEvent[]): Html {
  const rows = events.map(({ atMs, event, context }) => {
    const { event: name, ...facts } = event;
    const details = Object.entries(facts).map(([key, value]) =>
      html`
        <span class="quiet">${key}</span> ${String(value).slice(0, 200)}
      `
    );
    return [
      timeOf(atMs),
      BAD.has(name) ? badge("bad", name) : html`<code>${name}</code>`,
      html`<span class="facts">${details}</span>`,
      html`<code>${context.clientAddress}</code>`,
    ];
  });
  return table("Audit events", ["Time (UTC)", "Event", "Facts", "Client"], rows, "Nothing yet.");
}
