/**
 * Audit events: what happened to whose session. Facts only; there is no field
 * in which a token, a password or a cookie could travel.
 *
 * @module
 */

/** Something worth a line in the audit log. */
export type AuditEvent =
  | {
    readonly event: "sign_in";
    readonly subject: string;
    readonly sid: string;
    /** Where the person was vouched for; absent: the password endpoint. */
    readonly provider?: string;
    /** How the provider says it knew them (`amr`, RFC 8176). */
    readonly amr?: readonly string[];
  }
  /** A program got an access token. */
  | { readonly event: "client_token"; readonly client: string }
  /** A program got a token of an upstream's for a caller's (RFC 8693). */
  | {
    readonly event: "token_exchanged";
    readonly subject: string;
    readonly sid?: string;
    readonly client: string;
    /** The upstream. */
    readonly audience: string;
    /** Who acts for the subject. */
    readonly actingAs: string;
  }
  | { readonly event: "exchange_denied"; readonly client: string; readonly reason: string }
  | {
    readonly event: "sign_in_failed";
    readonly reason: string;
    readonly provider?: string;
    /** Keyed hash of the name that was tried: the same for all its spellings, and no name. */
    readonly name?: string;
  }
  | {
    readonly event: "sign_in_throttled";
    readonly retryAfterSeconds: number;
    readonly name?: string;
  }
  | {
    readonly event: "refresh";
    readonly subject: string;
    readonly sid: string;
    /** The spent token was presented again inside the grace window. */
    readonly replayed: boolean;
  }
  | { readonly event: "refresh_denied"; readonly reason: string; readonly sid?: string }
  /** A spent refresh token came back outside the grace window; the session is revoked. */
  | { readonly event: "refresh_reused"; readonly subject: string; readonly sid: string }
  /** From now on every token of the session needs a proof of its key. */
  | { readonly event: "session_bound"; readonly subject: string; readonly sid: string }
  /** A bound token, or a sign-in that is to be bound, came without a good proof. */
  | { readonly event: "binding_failed"; readonly reason: string; readonly subject?: string }
  | { readonly event: "session_revoked"; readonly subject: string; readonly sid: string }
  | { readonly event: "subject_revoked"; readonly subject: string }
  /** A provider has ended one of its sessions, or all of a person's, and with them ours. */
  | {
    readonly event: "provider_logout";
    readonly provider: string;
    readonly scope: "session" | "subject";
  }
  | {
    readonly event: "provider_logout_refused";
    readonly provider: string;
    readonly reason: string;
  }
  | { readonly event: "token_revoked"; readonly subject: string; readonly jti: string }
  | {
    readonly event: "denied";
    readonly code: string;
    readonly method: string;
    readonly path: string;
    readonly subject?: string;
  }
  /** A request was passed on; written only when `log.access` is set. */
  | {
    readonly event: "request";
    readonly method: string;
    readonly path: string;
    readonly upstream: string;
    readonly status: number;
    /** Until the answer began. */
    readonly durationMs: number;
    readonly subject?: string;
  }
  /** A peer in our own network forwards for others and is not in `trustedProxies`; told once. */
  | { readonly event: "forwarding_untrusted"; readonly peer: string; readonly reason: string }
  | { readonly event: "upstream_failed"; readonly upstream: string; readonly reason: string }
  | { readonly event: "identity_unavailable"; readonly reason: string }
  /** The keys of an issuer could not be fetched; tokens it signed go on by the keys that are known. */
  | { readonly event: "issuer_keys_unavailable"; readonly issuer: string; readonly reason: string }
  | { readonly event: "store_unavailable"; readonly reason: string }
  | { readonly event: "internal_error"; readonly reason: string }
  /** Somebody did something through the admin listener, or the command line. */
  | {
    readonly event: "admin_action";
    readonly action:
      | "session_revoked"
      | "subject_revoked"
      | "token_revoked"
      | "provider_revoked"
      | "revoked_before"
      | "reloaded"
      | "reload_refused"
      | "drain";
    /** `token:<name>` was proven, `local:<name>` is what a peer on this machine calls itself. */
    readonly actor: string;
    readonly subject?: string;
    readonly sid?: string;
    readonly jti?: string;
    readonly provider?: string;
    /** ISO 8601. */
    readonly issuedBefore?: string;
    /** Live sessions that it was about. */
    readonly count?: number;
    /** SHA-256 of the configuration that is in force now. */
    readonly hash?: string;
  }
  /** A configuration came into force. */
  | { readonly event: "config_reloaded"; readonly hash: string }
  /** A changed configuration could not be used; the old one stays. One event for each mistake. */
  | { readonly event: "config_refused"; readonly problem: string }
  /** The gateway takes requests from now on. */
  | {
    readonly event: "listening";
    readonly address: string;
    readonly origin: string;
    /** Kind of the store. */
    readonly store: string;
    /** Where the admin listener is. */
    readonly admin: string;
    readonly version: string;
  }
  /** The gateway stops being ready and lets go of what is open. */
  | { readonly event: "draining"; readonly reason: string };

/** Where and for whom an event happened. */
export interface EventContext {
  readonly requestId: string;
  readonly clientAddress: string;
  /** Of the trace that the request belongs to (W3C Trace Context). */
  readonly traceId?: string;
}

/** Takes audit events; must not throw and must not wait. */
export type EventSink = (event: AuditEvent, context: EventContext) => void;
