/**
 * Events in the Elastic Common Schema
 * ({@link https://www.elastic.co/docs/reference/ecs | ECS 8.11}). What has no field there stands
 * under `postern`.
 *
 * @module
 */
import { VERSION } from "../base/version.ts";
import type { AuditEvent } from "./events.ts";
import { levelOf } from "./level.ts";
import type { FormatLine } from "./log.ts";

/** `event.category`, `event.type` and `event.outcome` (ECS, "Event categorization"). */
interface Category {
  readonly category: readonly string[];
  readonly type: readonly string[];
  readonly outcome: "success" | "failure" | "unknown";
}

const of = (
  category: string,
  type: string,
  outcome: Category["outcome"],
): Category => ({ category: category.split(" "), type: type.split(" "), outcome });

const CATEGORIES: Readonly<Record<AuditEvent["event"], Category>> = {
  sign_in: of("authentication session", "start", "success"),
  client_token: of("authentication session", "start", "success"),
  token_exchanged: of("authentication session", "info", "success"),
  exchange_denied: of("authentication session", "denied", "failure"),
  sign_in_failed: of("authentication", "start", "failure"),
  sign_in_throttled: of("authentication", "denied", "failure"),
  refresh: of("authentication session", "info", "success"),
  refresh_denied: of("authentication session", "denied", "failure"),
  refresh_reused: of("intrusion_detection session", "denied", "failure"),
  session_bound: of("authentication session", "info", "success"),
  binding_failed: of("authentication session", "denied", "failure"),
  session_revoked: of("session", "end", "success"),
  subject_revoked: of("session iam", "end", "success"),
  token_revoked: of("session", "end", "success"),
  provider_logout: of("session iam", "end", "success"),
  provider_logout_refused: of("session iam", "denied", "failure"),
  denied: of("web", "access denied", "failure"),
  request: of("web", "access allowed", "success"),
  forwarding_untrusted: of("configuration network", "info", "unknown"),
  upstream_failed: of("network", "error", "failure"),
  identity_unavailable: of("authentication", "error", "failure"),
  issuer_keys_unavailable: of("authentication", "error", "failure"),
  store_unavailable: of("database", "error", "failure"),
  internal_error: of("process", "error", "failure"),
  admin_action: of("iam configuration", "admin change", "success"),
  config_reloaded: of("configuration", "change", "success"),
  config_refused: of("configuration", "change", "failure"),
  listening: of("process", "start", "success"),
  draining: of("process", "end", "success"),
};

/** Facts that have a field of their own. */
interface Facts {
  readonly subject?: string;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly durationMs?: number;
  readonly reason?: string;
  readonly code?: string;
}

/** One JSON line. */
export const ecsLine: FormatLine = (event, { requestId, clientAddress, traceId }, atMs) => {
  const { event: name, ...rest } = event;
  const { subject, method, path, status, durationMs, reason, code, ...others } = rest as
    & Facts
    & Record<string, unknown>;
  const why = reason ?? code;
  return JSON.stringify({
    "@timestamp": new Date(atMs).toISOString(),
    "log.level": levelOf(name),
    message: why === undefined ? name : `${name}: ${why}`,
    ecs: { version: "8.11.0" },
    service: { name: "postern", type: "postern", version: VERSION },
    event: {
      kind: name === "refresh_reused" ? "alert" : "event",
      action: name,
      ...CATEGORIES[name],
      ...(why === undefined ? {} : { reason: why }),
      // Nanoseconds.
      ...(durationMs === undefined ? {} : { duration: Math.round(durationMs * 1e6) }),
    },
    ...(subject === undefined ? {} : { user: { id: subject } }),
    ...(clientAddress === "-" ? {} : { source: sourceOf(clientAddress) }),
    ...(traceId === undefined ? {} : { trace: { id: traceId } }),
    // Not of a request: what the process says of itself.
    ...(requestId === "-" ? {} : {
      http: {
        request: { id: requestId, ...(method === undefined ? {} : { method }) },
        ...(status === undefined ? {} : { response: { status_code: status } }),
      },
    }),
    ...(path === undefined ? {} : { url: { path } }),
    postern: others,
  });
};

/** `ip` holds nothing but an address: who comes through a Unix socket has none. */
function sourceOf(clientAddress: string): Record<string, string> {
  const isIp = clientAddress.includes(":") || /^[\d.]+$/.test(clientAddress);
  return { address: clientAddress, ...(isIp ? { ip: clientAddress } : {}) };
}
