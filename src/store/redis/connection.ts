/**
 * Connections to a Redis, through `ioredis`.
 *
 * @module
 */
import { Cluster, Redis } from "ioredis";
import type { RedisAddress } from "./address.ts";

/** How to connect. */
export interface ConnectionOptions {
  readonly address: RedisAddress;
  /** Certificates in PEM to trust instead of the system's; with TLS only. */
  readonly ca?: string;
  /** Password of the Sentinels, where they have one. */
  readonly sentinelPassword?: string;
  readonly connectTimeoutMs: number;
}

/** The longest pause between two attempts to connect. */
const MAX_PAUSE_MS = 1_000;

/** Grows with the number of attempts, at random, so that gateways do not come back in step. */
function pauseMs(attempts: number): number {
  return Math.min(MAX_PAUSE_MS, 50 * attempts) * (0.5 + Math.random() / 2);
}

/**
 * Opens a connection, or a cluster's; it is made with the first command, and
 * again whenever it breaks.
 */
export function connect(options: ConnectionOptions): Redis | Cluster {
  const { address, connectTimeoutMs } = options;
  const shared = {
    ...(address.username === null ? {} : { username: address.username }),
    ...(address.password === null ? {} : { password: address.password }),
    connectTimeout: connectTimeoutMs,
    lazyConnect: true,
    // Repeats are this side's business (`scripts/repeat.ts`), with a time limit.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A check by INFO would need a permission that nothing else needs.
    enableReadyCheck: false,
    keepAlive: 10_000,
    // After a failover the old primary says READONLY: the next connection finds the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    ...(address.tls ? { tls: tlsOf(options) } : {}),
  };
  const [first] = address.nodes;
  switch (address.kind) {
    case "single":
      return new Redis({
        ...shared,
        ...first,
        db: address.database,
        retryStrategy: pauseMs,
      });
    case "sentinel":
      return new Redis({
        ...shared,
        sentinels: [...address.nodes],
        name: address.master ?? "",
        ...(options.sentinelPassword === undefined
          ? {}
          : { sentinelPassword: options.sentinelPassword }),
        enableTLSForSentinelMode: address.tls,
        ...(address.tls ? { sentinelTLS: tlsOf(options) } : {}),
        db: address.database,
        retryStrategy: pauseMs,
        sentinelRetryStrategy: pauseMs,
      });
    case "cluster":
      return new Cluster([...address.nodes], {
        redisOptions: shared,
        lazyConnect: true,
        enableReadyCheck: false,
        clusterRetryStrategy: pauseMs,
        // What decides goes to the primary.
        scaleReads: "master",
        retryDelayOnFailover: 50,
        slotsRefreshTimeout: connectTimeoutMs,
      });
  }
}

function tlsOf({ ca }: Pick<ConnectionOptions, "ca">) {
  return ca === undefined ? {} : { ca };
}
