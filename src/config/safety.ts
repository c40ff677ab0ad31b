/**
 * Guarantee 9: Postern refuses to start unsafe. Each line names the setting
 * and what to put there. (Key lengths are checked where keys are read,
 * `tokens/key_ring.ts`.)
 *
 * @module
 */
import { durationMs } from "../base/duration.ts";
import type { Mode } from "../base/environment.ts";
import { sizeBytes } from "../base/size.ts";
import { exposureProblems } from "./exposure.ts";
import type { ConfigFile } from "./schema/file.ts";

/** Deno's server takes 64 KiB of request line and headers. */
const MAX_HEAD_BYTES = 62 * 1024;

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether a browser reaches nothing but its own machine by that name (RFC 6761 section 6.3). */
function isOwnMachine(hostname: string): boolean {
  return LOOPBACK.has(hostname) || hostname.endsWith(".localhost");
}

/** What makes this configuration unsafe to run in this mode; empty when nothing does. */
export function safetyProblems(file: ConfigFile, mode: Mode): string[] {
  const problems: string[] = [];
  const origin = new URL(file.origin);
  if (origin.protocol === "http:" && !isOwnMachine(origin.hostname)) {
    problems.push(
      `origin: "${file.origin}" would send tokens over plain http; put the public https origin there`,
    );
  }
  for (const [index, other] of file.origins.entries()) {
    const { protocol, hostname } = new URL(other);
    if (protocol === "http:" && !isOwnMachine(hostname)) {
      problems.push(
        `origins[${index}]: "${other}" would send tokens over plain http; put the public https origin there`,
      );
    } else if (protocol !== origin.protocol) {
      problems.push(
        `origins[${index}]: "${other}" must have the scheme of origin ("${origin.protocol}//"); cookies are secure on all of them, or on none`,
      );
    }
  }
  if (mode === "production" && file.identity?.kind === "demo") {
    problems.push(
      'identity.kind: "demo" has a published password and is for dev mode only; use "upstream"',
    );
  }
  if (mode === "production" && file.store.kind === "memory") {
    problems.push(
      'store.kind: "memory" forgets the blacklist at every restart and is for dev mode only; use "sqlite", "redis" or "upstash"',
    );
  }
  if (file.store.kind === "memory" && file.workers !== 1) {
    problems.push(
      'workers: threads can not share the store "memory"; put 1 there, or use "sqlite" or "redis"',
    );
  }
  const { pollInterval, maxStaleness } = file.revocation;
  if (durationMs(pollInterval) >= durationMs(maxStaleness)) {
    problems.push(
      `revocation.pollInterval: ${pollInterval} must be shorter than revocation.maxStaleness (${maxStaleness})`,
    );
  }
  problems.push(...exposureProblems(file));
  const { url, headerBytes } = file.limits;
  if (sizeBytes(url) + sizeBytes(headerBytes) > MAX_HEAD_BYTES) {
    problems.push(
      `limits.headerBytes: ${headerBytes} and limits.url (${url}) are more than 62KiB together; the runtime itself refuses longer heads, without a word in the log`,
    );
  }
  const { accessTtl, refreshTtl } = file.tokens;
  if (durationMs(accessTtl) > durationMs(refreshTtl)) {
    problems.push(
      `tokens.accessTtl: ${accessTtl} must not be longer than tokens.refreshTtl (${refreshTtl})`,
    );
  }
  const audience = file.tokens.audience ?? origin.origin;
  for (const [name, { assertion }] of Object.entries(file.upstreams)) {
    const theirs = typeof assertion === "object" ? assertion.audience ?? name : name;
    if (theirs === audience) {
      problems.push(
        `tokens.audience: "${audience}" is the audience of upstreams.${name}, too: an access token would pass there for an assertion; choose another one`,
      );
    }
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
