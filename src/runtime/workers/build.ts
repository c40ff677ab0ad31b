/**
 * The gateway of an isolate, from its bindings.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Environment, Mode } from "../../base/environment.ts";
import { crossesInClear } from "../../config/exposure.ts";
import { configOf, readConfigValue } from "../../config/load.ts";
import type { LoadOptions } from "../../config/load.ts";
import { portFrom } from "../../config/environment.ts";
import { ConfigError } from "../../config/problems.ts";
import { demoConfigFile } from "../../demo/config_file.ts";
import { createCore } from "../../gateway/core.ts";
import { createSharedDocuments } from "./shared_documents.ts";
import { createGateway } from "../../gateway/gateway.ts";
import type { Gateway } from "../../gateway/gateway.ts";
import { startProblems } from "../../gateway/start_problem.ts";
import { problemResponse } from "../../http/problem.ts";
import { createIdentitySource } from "../../identity/source.ts";
import { withAdminApi } from "./admin.ts";
import type { SessionStore } from "../../store/port.ts";
import { createUpstashStore } from "../../store/upstash/store.ts";
import { createEventLog, jsonLine } from "../../telemetry/log.ts";
import { importKeyRing } from "../../tokens/key_ring.ts";
import { importLegacyKey } from "../../tokens/legacy.ts";
import { pipeTethered } from "./tether.ts";
import { createWorkerTransports } from "./transport.ts";

/**
 * Bindings. Plain settings are `vars` in `wrangler.toml`, where `POSTERN_CONFIG`
 * may also be a table; `POSTERN_KEYS` and `UPSTASH_REDIS_REST_TOKEN` are secrets
 * (`wrangler secret put`).
 */
export interface Bindings {
  readonly POSTERN_CONFIG?: string | Readonly<Record<string, unknown>>;
  readonly POSTERN_KEYS?: string;
  /** For `tokens.legacy`. */
  readonly POSTERN_LEGACY_KEY?: string;
  readonly POSTERN_PREFIX?: string;
  /**
   * For a workerd of one's own: which header something in front writes the client's
   * address into. On Cloudflare it is `CF-Connecting-IP`, and needs no setting.
   */
  readonly POSTERN_CLIENT_ADDRESS_HEADER?: string;
  /** `"dev"` allows the demo; anything else is production. */
  readonly POSTERN_MODE?: string;
  /** Switches the admin API on, under `<paths.auth>/admin`; see `admin/guard.ts`. */
  readonly POSTERN_ADMIN_TOKEN?: string;
  readonly UPSTASH_REDIS_REST_URL?: string;
  readonly UPSTASH_REDIS_REST_TOKEN?: string;
}

export async function build(
  bindings: Bindings,
  waitUntil: (work: Promise<unknown>) => void,
): Promise<Gateway> {
  const mode: Mode = bindings.POSTERN_MODE === "dev" ? "dev" : "production";
  const loading = loadOptions(bindings, mode);
  const value = await readConfigValue(loading);
  const config = await configOf(value, loading);
  const problems: string[] = [];
  if (config.workers !== 1) {
    problems.push("workers: the platform decides how many there are; remove the setting");
  }
  if (config.store.kind !== "upstash") {
    problems.push(`store.kind: "${config.store.kind}" can not run on Workers; use "upstash"`);
  }
  if (config.log.chain || (config.log.format ?? "json") !== "json") {
    problems.push("log: this runtime writes JSON lines without a chain; remove format and chain");
  }
  if (config.proxy !== null) {
    problems.push("proxy: can not be used on Workers; remove the setting");
  }
  const required = (name: keyof Bindings): string => {
    const value = bindings[name];
    if (typeof value === "string" && value !== "") return value;
    problems.push(`${name}: is required; set it with \`wrangler secret put ${name}\``);
    return "";
  };
  const url = required("UPSTASH_REDIS_REST_URL");
  const token = required("UPSTASH_REDIS_REST_TOKEN");
  const keySet = required("POSTERN_KEYS");
  if (crossesInClear(url)) {
    problems.push(`UPSTASH_REDIS_REST_URL: "${url}" would send the token in clear; use https`);
  }
  if (problems.length > 0) throw new ConfigError(problems);

  const keys = await importKeyRing(keySet);
  const { legacy } = config.tokens;
  const legacyKey = legacy && await importLegacyKey(legacy, bindings.POSTERN_LEGACY_KEY);
  const prefix = bindings.POSTERN_PREFIX;
  const store = createUpstashStore({
    url,
    token,
    ...(config.store.kind === "upstash" ? { commandTimeoutMs: config.store.commandTimeoutMs } : {}),
    ...(prefix === undefined || prefix === "" ? {} : { prefix }),
  });
  waitUntil(warnAbout(store));
  const events = createEventLog({ format: jsonLine, write: log, clock: systemClock });
  const core = createCore(
    { store, keys, clock: systemClock, events, isolatesRequests: true },
    config,
  );
  const gateway = createGateway(core, config, {
    legacyKey,
    identity: createIdentitySource(config.identity, { fetch: uncachedFetch }),
    askFetch: uncachedFetch,
    normalisesPaths: true,
    sharedDocuments: createSharedDocuments(),
    transports: createWorkerTransports(uncachedFetch),
    tether: pipeTethered,
  });
  const tokens = bindings.POSTERN_ADMIN_TOKEN ?? "";
  return tokens === ""
    ? gateway
    : await withAdminApi(core, gateway, { tokens, config, value, loading });
}

/** Secrets that the configuration points to by `{ "env": … }` are bindings, too. */
function loadOptions(bindings: Bindings, mode: Mode): LoadOptions {
  const { POSTERN_CONFIG: given } = bindings;
  const demo = mode === "dev" && (given === undefined || given === "");
  const texts: Environment = Object.fromEntries(
    Object.entries(bindings).filter(([, value]) => typeof value === "string"),
  );
  const env: Environment = {
    ...texts,
    POSTERN_CONFIG: demo
      ? JSON.stringify({ ...demoConfigFile(portFrom(texts), null), store: { kind: "upstash" } })
      : typeof given === "object"
      ? JSON.stringify(given)
      : given,
  };
  return { env, mode, readTextFile: () => Promise.resolve(null) };
}

/**
 * Requests to upstreams carry no credential any more, so that Cloudflare's cache
 * would take an answer made for one person for everybody's.
 */
const uncachedFetch: typeof fetch = (input: RequestInfo | URL, init?: RequestInit) =>
  fetch(input, { ...init, cache: "no-store" });

async function warnAbout(store: SessionStore): Promise<void> {
  try {
    for (const warning of await store.probe()) log(`warning: ${warning}`);
  } catch (error) {
    log(`warning: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Says in the log what has to be set, and to the client only that something has. */
export function refuse(error: unknown): Response {
  log(
    JSON.stringify({
      time: new Date().toISOString(),
      level: "error",
      event: "misconfigured",
      problems: startProblems(error) ?? [String(error)],
    }),
  );
  return problemResponse({ code: "misconfigured" }, crypto.randomUUID());
}

function log(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}
