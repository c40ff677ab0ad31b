/**
 * Events in the Open Cybersecurity Schema Framework
 * ({@link https://schema.ocsf.io/1.5.0 | OCSF 1.5}). What has no attribute there stands under
 * `unmapped`.
 *
 * @module
 */
import { VERSION } from "../base/version.ts";
import type { AuditEvent, EventContext } from "./events.ts";
import { levelOf } from "./level.ts";
import type { FormatLine } from "./log.ts";

/** Classes of the schema; the first digit is the category. */
const CLASS = {
  authentication: 3002,
  entityManagement: 3004,
  detectionFinding: 2004,
  httpActivity: 4002,
  applicationLifecycle: 6002,
  applicationError: 6008,
} as const;

/** Class, activity and outcome of one event. */
interface Kind {
  readonly class: number;
  readonly activity: number;
  /** For activities that have no number (99). */
  readonly activityName?: string;
  /** 1 success, 2 failure, 99 other. */
  readonly status: 1 | 2 | 99;
}

const authentication = (activity: number, status: 1 | 2, activityName?: string): Kind => ({
  class: CLASS.authentication,
  activity,
  status,
  ...(activityName === undefined ? {} : { activityName }),
});
const error = { class: CLASS.applicationError, activity: 1, status: 2 } as const;
const lifecycle = (activityName: string, status: 1 | 2): Kind => ({
  class: CLASS.applicationLifecycle,
  activity: 99,
  activityName,
  status,
});

const LOGON = 1;
const LOGOFF = 2;
const OTHER = 99;

const KINDS: Readonly<Record<AuditEvent["event"], Kind>> = {
  sign_in: authentication(LOGON, 1),
  client_token: authentication(LOGON, 1),
  token_exchanged: authentication(OTHER, 1, "Exchange"),
  exchange_denied: authentication(OTHER, 2, "Exchange"),
  sign_in_failed: authentication(LOGON, 2),
  sign_in_throttled: authentication(LOGON, 2),
  refresh: authentication(OTHER, 1, "Refresh"),
  refresh_denied: authentication(OTHER, 2, "Refresh"),
  refresh_reused: { class: CLASS.detectionFinding, activity: 1, status: 99 },
  session_bound: authentication(OTHER, 1, "Bind"),
  binding_failed: authentication(OTHER, 2, "Bind"),
  session_revoked: authentication(LOGOFF, 1),
  subject_revoked: authentication(LOGOFF, 1),
  token_revoked: authentication(LOGOFF, 1),
  provider_logout: authentication(LOGOFF, 1),
  provider_logout_refused: authentication(LOGOFF, 2),
  denied: { class: CLASS.httpActivity, activity: OTHER, status: 2 },
  request: { class: CLASS.httpActivity, activity: OTHER, status: 1 },
  forwarding_untrusted: error,
  upstream_failed: error,
  identity_unavailable: error,
  issuer_keys_unavailable: error,
  store_unavailable: error,
  internal_error: error,
  // 3: Update. What was ended stands in `unmapped`.
  admin_action: { class: CLASS.entityManagement, activity: 3, status: 1 },
  config_reloaded: lifecycle("Reload", 1),
  config_refused: lifecycle("Reload", 2),
  // 3: Start, 4: Stop.
  listening: { class: CLASS.applicationLifecycle, activity: 3, status: 1 },
  draining: { class: CLASS.applicationLifecycle, activity: 4, status: 1 },
};

/** Activities of HTTP Activity. */
const METHODS: Readonly<Record<string, number>> = {
  CONNECT: 1,
  DELETE: 2,
  GET: 3,
  HEAD: 4,
  OPTIONS: 5,
  POST: 6,
  PUT: 7,
  TRACE: 8,
  PATCH: 9,
};

/** Informational, Medium, High. */
const SEVERITY = { info: 1, warn: 3, error: 4 } as const;

interface Facts {
  readonly subject?: string;
  readonly sid?: string;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly durationMs?: number;
  readonly reason?: string;
  readonly code?: string;
  readonly actor?: string;
  readonly amr?: readonly string[];
}

/** One JSON line. */
export const ocsfLine: FormatLine = (event, context, atMs) => {
  const { event: name, ...rest } = event;
  const { subject, sid, method, path, status, durationMs, reason, code, actor, ...others } = rest as
    & Facts
    & Record<string, unknown>;
  const { provider, amr } = others;
  const kind = KINDS[name];
  const isHttp = kind.class === CLASS.httpActivity;
  const activity = isHttp ? METHODS[method ?? ""] ?? OTHER : kind.activity;
  const level = levelOf(name);
  const why = reason ?? code;
  return JSON.stringify({
    class_uid: kind.class,
    category_uid: Math.floor(kind.class / 1000),
    activity_id: activity,
    ...(kind.activityName === undefined ? {} : { activity_name: kind.activityName }),
    type_uid: kind.class * 100 + activity,
    severity_id: name === "refresh_reused" ? 4 : SEVERITY[level],
    status_id: kind.status,
    ...(why === undefined ? {} : { status_detail: why }),
    time: atMs,
    message: name,
    metadata: {
      version: "1.5.0",
      product: { name: "Postern", vendor_name: "Postern", version: VERSION },
      event_code: name,
      // `uid` would name this one line; several of a request belong together.
      ...(context.requestId === "-" ? {} : { correlation_uid: context.requestId }),
    },
    ...endpointOf(context),
    ...userOf(kind, subject),
    ...(sid === undefined ? {} : { session: { uid: sid } }),
    // 4: OpenID.
    ...(kind.class === CLASS.authentication && provider !== undefined
      ? { auth_protocol_id: 4, auth_protocol: "OpenID" }
      : {}),
    ...(amr === undefined ? {} : { is_mfa: amr.includes("mfa") }),
    ...(actor === undefined ? {} : { actor: { user: { name: actor } } }),
    ...(isHttp
      ? {
        http_request: { http_method: method, url: { path } },
        ...(status === undefined ? {} : { http_response: { code: status } }),
        // 1 Allowed, 2 Blocked.
        disposition_id: name === "denied" ? 2 : 1,
      }
      : {}),
    ...(durationMs === undefined ? {} : { duration: Math.round(durationMs) }),
    ...(kind.class === CLASS.detectionFinding
      ? { finding_info: { uid: context.requestId, title: "A spent refresh token was presented" } }
      : {}),
    ...(kind.class === CLASS.entityManagement
      ? { entity: { name: "session", type: "session" } }
      : {}),
    ...(kind.class === CLASS.applicationLifecycle ? { app: { name: "Postern" } } : {}),
    unmapped: others,
  });
};

function endpointOf({ clientAddress }: EventContext): Record<string, unknown> {
  return clientAddress === "-" ? {} : { src_endpoint: { ip: clientAddress } };
}

/** Authentication requires a user, also where nobody knows who it was. */
function userOf(kind: Kind, subject: string | undefined): Record<string, unknown> {
  if (subject !== undefined) return { user: { uid: subject } };
  return kind.class === CLASS.authentication ? { user: { name: "unknown" } } : {};
}
