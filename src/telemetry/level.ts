/**
 * How much an event matters.
 *
 * @module
 */
import type { AuditEvent } from "./events.ts";

/** As in the logs of most programs. */
export type Level = "info" | "warn" | "error";

/** Events that somebody should look at. */
const WARNINGS: ReadonlySet<AuditEvent["event"]> = new Set([
  "refresh_reused",
  "sign_in_throttled",
  "forwarding_untrusted",
  "upstream_failed",
  "identity_unavailable",
  "issuer_keys_unavailable",
  "store_unavailable",
  "config_refused",
]);

/** The level of an event. */
export function levelOf(name: AuditEvent["event"]): Level {
  if (name === "internal_error") return "error";
  return WARNINGS.has(name) ? "warn" : "info";
}
