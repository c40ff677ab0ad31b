/**
 * Guarantee 9: Postern refuses to start unsafe. Each line names the setting
 * and what to put there. (Key lengths are checked where keys are read,
 * `tokens/key_ring.ts`.)
 *
 * @module
 */
import { durationMs } from "../base/duration.ts";
import type { Mode } from "../base/environment.ts";
import type { ConfigFile } from "./schema/file.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** What makes this configuration unsafe to run in this mode; empty when nothing does. */
export function safetyProblems(file: ConfigFile, mode: Mode): string[] {
  const problems: string[] = [];
  const origin = new URL(file.origin);
  if (origin.protocol === "http:" && !LOOPBACK.has(origin.hostname)) {
    problems.push(
      `origin: "${file.origin}" would send tokens over plain http; put the public https origin there`,
    );
  }
  if (mode === "production" && file.identity?.kind === "demo") {
    problems.push(
      'identity.kind: "demo" has a published password and is for dev mode only; use "upstream"',
    );
  }
  if (mode === "production" && file.store.kind === "memory") {
    problems.push(
      'store.kind: "memory" forgets the blacklist at every restart and is for dev mode only; use "sqlite" or "upstash"',
    );
  }
  const { pollInterval, maxStaleness } = file.revocation;
  if (durationMs(pollInterval) >= durationMs(maxStaleness)) {
    problems.push(
      `revocation.pollInterval: ${pollInterval} must be shorter than revocation.maxStaleness (${maxStaleness})`,
    );
  }
  const { accessTtl, refreshTtl } = file.tokens;
  if (durationMs(accessTtl) > durationMs(refreshTtl)) {
    problems.push(
      `tokens.accessTtl: ${accessTtl} must not be longer than tokens.refreshTtl (${refreshTtl})`,
    );
  }
  for (const [name, { issuer }] of Object.entries(file.providers)) {
    const { protocol, hostname } = new URL(issuer);
    if (protocol === "http:" && !LOOPBACK.has(hostname)) {
      problems.push(
        `providers.${name}.issuer: "${issuer}" would send codes and secrets over plain http; use https`,
      );
    }
  }
  return problems;
}
