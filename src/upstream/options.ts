/**
 * What an upstream is, resolved: defaults filled in, units in the names.
 *
 * @module
 */

/** A backend, as this room needs to know it. */
export interface UpstreamOptions {
  readonly name: string;
  /** Origins without a trailing slash, or `unix:/path/of.sock`. */
  readonly targets: readonly string[];
  /** Until an answer begins, counted from the last byte of the request that was sent. */
  readonly timeoutMs: number;
  /** Between two pieces of an answer. */
  readonly idleTimeoutMs: number;
  /** How long a client may take nothing of its answer; a minute if absent. */
  readonly clientIdleMs?: number;
  /** Requests under way at the same time, over all targets. */
  readonly maxConcurrent: number;
  /** Whose name stands in `Host`. */
  readonly host: "target" | "incoming";
  /** `null`: nobody asks the targets how they are. */
  readonly health: HealthOptions | null;
  /** `null`: a target that fails goes on getting requests. */
  readonly ejection: EjectionOptions | null;
  /** `null`: the runtime's own authorities, and no certificate of ours. */
  readonly tls: TlsOptions | null;
  readonly connection: ConnectionOptions;
}

/** How targets are asked whether they work. */
export interface HealthOptions {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Good answers in a row that make a target healthy again. */
  readonly healthyAfter: number;
  /** Bad ones in a row that take it out. */
  readonly unhealthyAfter: number;
}

/** When a target that fails is given a rest. */
export interface EjectionOptions {
  readonly failures: number;
  readonly forMs: number;
  /** Answers that count as failures. */
  readonly statuses: ReadonlySet<number>;
}

/** PEM files for connections to an upstream, and the name that its certificate must have. */
export interface TlsOptions {
  readonly caPath: string | null;
  readonly certPath: string | null;
  readonly keyPath: string | null;
  /** Sent as SNI and looked for in the certificate; `null`: the target's host name. */
  readonly serverName: string | null;
}

/** What crosses a connection, and how long it lives. */
export interface ConnectionOptions {
  /** Until a connection stands, TLS included. */
  readonly connectTimeoutMs: number;
  /** An idle connection is closed after this; shorter than what servers usually grant. */
  readonly keepAliveMs: number;
  /** Whether HTTP/2 may be spoken where a target offers it (ALPN, so `https:` only). */
  readonly http2: boolean;
  /** Larger heads of answers are refused. */
  readonly answerHeaders: { readonly bytes: number; readonly lines: number };
  /** Whether `Via` tells both sides of us (RFC 9110 §7.6.3); nginx stops compressing at it. */
  readonly via: boolean;
}

/** What holds where the configuration says nothing. */
export const DEFAULT_CONNECTION: ConnectionOptions = {
  connectTimeoutMs: 5_000,
  // Node.js closes after 5 s, gunicorn after 2 s, nginx after 75 s. Whoever closes first is safe.
  keepAliveMs: 4_000,
  http2: false,
  answerHeaders: { bytes: 64 * 1024, lines: 500 },
  via: false,
};
