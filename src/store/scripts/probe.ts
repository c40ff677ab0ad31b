/**
 * Whether a Redis will do.
 *
 * @module
 */
import type { RedisKeys } from "./keys.ts";
import { unreadable } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";
import type { ScriptRunner } from "./runner.ts";

/** How long the key lives that a probe writes. */
const PROBE_LIFETIME_MS = 1_000;

/** Writes and reads back a key; gives warnings worth a log line. */
export async function probeRedis(
  runner: Pick<ScriptRunner, "run" | "command">,
  keys: RedisKeys,
  address: string,
): Promise<readonly string[]> {
  const reply = await runner.run(SCRIPTS.probe, [keys.probe], [String(PROBE_LIFETIME_MS)]);
  if (reply !== "ready") throw unreadable();
  const policy = await evictionPolicy(runner);
  if (policy === null || policy === "noeviction") return [];
  return [
    `the Redis at ${address} evicts (maxmemory-policy ${policy}): when its memory ` +
    "is full it forgets revocations and signs people out; set noeviction (on Upstash: turn " +
    "eviction off)",
  ];
}

/** The `maxmemory-policy`, or `null` where it can not be read, as with most hosted databases. */
async function evictionPolicy(runner: Pick<ScriptRunner, "command">): Promise<string | null> {
  try {
    const reply = await runner.command("CONFIG", "GET", "maxmemory-policy");
    if (Array.isArray(reply) && typeof reply[1] === "string") return reply[1];
  } catch {
    // Not allowed here: INFO may be.
  }
  try {
    const reply = await runner.command("INFO", "memory");
    return /^maxmemory_policy:(\S+)/m.exec(String(reply))?.[1] ?? null;
  } catch {
    return null;
  }
}
