/**
 * `REDIS_URL`: where a Redis is, whether it stands alone, behind Sentinels or
 * in a cluster.
 *
 *     redis://user:password@host:6379/0
 *     rediss://host:6380                                  TLS
 *     redis+sentinel://user:password@one:26379,two:26379/mymaster/0
 *     rediss+cluster://user:password@one:6379,two:6379    TLS, cluster
 *
 * @module
 */
import { StoreRejectedError } from "../port.ts";

/** One machine. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** A parsed `REDIS_URL`. */
export interface RedisAddress {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly tls: boolean;
  /** Never empty; Sentinels or cluster nodes where it does not stand alone. */
  readonly nodes: readonly RedisNode[];
  /** ACL user; `null`: the default one. */
  readonly username: string | null;
  readonly password: string | null;
  /** Name of the master group; of Sentinels only. */
  readonly master: string | null;
  readonly database: number;
}

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/@?#]+)(?:\/([^?#]*))?$/;

const DEFAULT_PORT = { single: 6379, cluster: 6379, sentinel: 26379 } as const;

/** Parses `REDIS_URL`. Throws {@link StoreRejectedError}; the message never holds the password. */
export function parseRedisUrl(text: string): RedisAddress {
  const [, scheme, form, login, hosts, path = ""] = FORM.exec(text.trim()) ?? [];
  if (scheme === undefined || hosts === undefined) {
    throw refused("is no URL of a Redis, such as redis://user:password@host:6379/0");
  }
  const kind = form === "sentinel" || form === "cluster" ? form : "single";
  const nodes = hosts.split(",").map((each) => nodeOf(each, DEFAULT_PORT[kind]));
  if (kind === "single" && nodes.length > 1) {
    throw refused('names several hosts; write "redis+sentinel://" or "redis+cluster://"');
  }
  const parts = path.split("/").filter((part) => part !== "");
  const master = kind === "sentinel" ? parts.shift() ?? null : null;
  if (kind === "sentinel" && master === null) {
    throw refused('needs the name of the master behind the Sentinels: "…:26379/mymaster"');
  }
  const [number = "0", ...more] = parts;
  if (more.length > 0 || !/^\d{1,4}$/.test(number)) {
    throw refused(`ends in "/${path}", which is no number of a database`);
  }
  if (kind === "cluster" && number !== "0") throw refused("a cluster has database 0 only");
  const [username, password] = loginOf(login ?? "");
  const tls = scheme === "rediss";
  return { kind, tls, nodes, username, password, master, database: Number(number) };
}

function nodeOf(text: string, defaultPort: number): RedisNode {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65535) {
    throw refused(`"${text}" is no host with a port`);
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: number };
}

function loginOf(text: string): readonly [string | null, string | null] {
  const [username = "", ...rest] = text.split(":");
  try {
    const password = decodeURIComponent(rest.join(":"));
    return [username === "" ? null : decodeURIComponent(username), password || null];
  } catch {
    throw refused("its user or password is not percent-encoded");
  }
}

function refused(words: string): StoreRejectedError {
  return new StoreRejectedError(`REDIS_URL: ${words}`);
}
