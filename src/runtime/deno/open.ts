/**
 * What stands on this machine: store, keys, files.
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { Environment, Mode } from "../../base/environment.ts";
import type { StoreConfig } from "../../config/config.ts";
import { crossesInClear } from "../../config/exposure.ts";
import { ConfigError } from "../../config/problems.ts";
import { createMemoryStore } from "../../store/memory/store.ts";
import type { SessionStore } from "../../store/port.ts";
import { openSqliteStore } from "../../store/sqlite/store.ts";
import { createUpstashStore } from "../../store/upstash/store.ts";
import { generateKeySet } from "../../tokens/key_ring.ts";

/** Opens the store that is configured; nothing is asked of it yet. */
export async function openStore(store: StoreConfig, env: Environment): Promise<SessionStore> {
  switch (store.kind) {
    case "memory":
      return createMemoryStore({});
    case "sqlite":
      return openSqliteStore({ path: store.path });
    case "upstash": {
      const url = env["UPSTASH_REDIS_REST_URL"];
      const token = env["UPSTASH_REDIS_REST_TOKEN"];
      const problems: string[] = [];
      if (!url) {
        problems.push('UPSTASH_REDIS_REST_URL: is required with store.kind "upstash"');
      }
      if (!token) {
        problems.push('UPSTASH_REDIS_REST_TOKEN: is required with store.kind "upstash"');
      }
      if (url && crossesInClear(url)) {
        problems.push(
          `UPSTASH_REDIS_REST_URL: "${url}" would send the token over the network in clear; use https`,
        );
      }
      if (!url || !token || problems.length > 0) throw new ConfigError(problems);
      const prefix = env["POSTERN_PREFIX"];
      return createUpstashStore({
        url,
        token,
        commandTimeoutMs: store.commandTimeoutMs,
        ...(prefix ? { prefix } : {}),
      });
    }
    case "redis":
      return await openRedis(store, env);
  }
}

async function openRedis(
  { commandTimeoutMs, caPath }: Extract<StoreConfig, { kind: "redis" }>,
  env: Environment,
): Promise<SessionStore> {
  const url = env["REDIS_URL"];
  if (!url) throw new ConfigError(['REDIS_URL: is required with store.kind "redis"']);
  // Its client is loaded by those who need it.
  const { createRedisStore } = await import("../../store/redis/store.ts");
  const { parseRedisUrl } = await import("../../store/redis/address.ts");
  const address = parseRedisUrl(url);
  const exposed = address.tls
    ? undefined
    : address.nodes.find(({ host }) =>
      crossesInClear(`http://${host.includes(":") ? `[${host}]` : host}`)
    );
  if (exposed !== undefined) {
    throw new ConfigError([
      `REDIS_URL: would send sessions to ${exposed.host} over the network in clear; use ` +
      "rediss://, or an address of this machine or its container network",
    ]);
  }
  const [prefix, sentinelPassword] = [env["POSTERN_PREFIX"], env["REDIS_SENTINEL_PASSWORD"]];
  return createRedisStore({
    url,
    commandTimeoutMs,
    ...(prefix ? { prefix } : {}),
    ...(sentinelPassword ? { sentinelPassword } : {}),
    ...(caPath === null ? {} : { ca: await readCa(caPath) }),
  });
}

async function readCa(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`store.ca: can not read "${path}": ${reason}`]);
  }
}

export async function readKeys(
  env: Environment,
  mode: Mode,
  store: StoreConfig,
  readTextFile: (path: string) => Promise<string | null>,
): Promise<string> {
  const given = env["POSTERN_KEYS"];
  if (given) return given;
  if (mode === "production") {
    throw new ConfigError([
      "POSTERN_KEYS: is required; put the private JWK set there that `deno task keys` prints",
    ]);
  }
  const path = join(store.kind === "sqlite" ? dirname(store.path) : ".postern", "keys.json");
  const kept = await readTextFile(path);
  if (kept !== null) {
    // One that was copied here may be open to others.
    await Deno.chmod(path, 0o600);
    return kept;
  }
  const fresh = JSON.stringify(await generateKeySet());
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(path, fresh, { mode: 0o600 });
  return fresh;
}
