/**
 * A gateway from the files and the environment: the first one at the start, the next one at each
 * reload.
 *
 * @module
 */
import { type AdminListen, DEFAULT_ADMIN, parseListen } from "../../admin/options.ts";
import type { Environment, Mode } from "../../base/environment.ts";
import type { GatewayConfig } from "../../config/config.ts";
import { configOf, parseJson, readConfigValue } from "../../config/load.ts";
import { ConfigError } from "../../config/problems.ts";
import { redacted } from "../../config/redact.ts";
import { admin as adminSchema } from "../../config/schema/admin.ts";
import { type Core, withKeys } from "../../gateway/core.ts";
import { createGateway } from "../../gateway/gateway.ts";
import type { Loaded, LoadNext } from "../../gateway/reload.ts";
import { startProblems } from "../../gateway/start_problem.ts";
import { createIdentitySource } from "../../identity/source.ts";
import { importKeyRing, type KeyRing } from "../../tokens/key_ring.ts";
import { importLegacyKey, type LegacyKey } from "../../tokens/legacy.ts";
import { createAskFetch } from "./ask_fetch.ts";
import { createBackground } from "./background.ts";
import { createFiles, readEnvironment } from "./environment.ts";
import { hiddenBody } from "./hidden_body.ts";
import type { OpenConnections } from "./open_connections.ts";
import { createKeptDocuments } from "./kept_documents.ts";
import { readKeys } from "./open.ts";
import { createDenoTransports, readUpstreamFiles } from "./transport.ts";
import type { UpstreamPem } from "./undici_transport.ts";

/** Everything a gateway is made of, read and checked. */
export interface Sources {
  readonly env: Environment;
  readonly config: GatewayConfig;
  readonly keys: KeyRing;
  readonly legacyKey: LegacyKey | null;
  readonly pem: ReadonlyMap<string, UpstreamPem>;
  readonly hash: string;
  readonly fingerprint: string;
  readonly redacted: unknown;
  /** Files that went into it; a change of one is a reason to read again. */
  readonly files: ReadonlySet<string>;
}

/**
 * Reads the configuration and everything that it names. `instances` share what an upstream may be
 * given at a time.
 *
 * @throws {ConfigError} or {KeyRingError} naming every mistake.
 */
export async function readSources(mode: Mode, instances = 1): Promise<Sources> {
  const files = createFiles();
  const env = await readEnvironment(files);
  const options = { env, mode, readTextFile: files.read };
  const value = await readConfigValue(options);
  const config = shared(withAdmin(await configOf(value, options), env), instances);
  const keyText = await readKeys(env, mode, config.store, files.read);
  const keys = await importKeyRing(keyText);
  const { legacy } = config.tokens;
  const legacyText = env["POSTERN_LEGACY_KEY"];
  const legacyKey = legacy && await importLegacyKey(legacy, legacyText);
  const pem = readUpstreamFiles(config.upstreams.values());
  const watched = new Set(files.seen.keys());
  for (const { tls } of config.upstreams.values()) {
    for (const path of [tls?.caPath, tls?.certPath, tls?.keyPath]) if (path) watched.add(path);
  }
  return {
    env,
    config,
    keys,
    legacyKey,
    pem,
    hash: await sha256(JSON.stringify(value)),
    fingerprint: await sha256(JSON.stringify([value, keyText, [...files.seen.values()], [...pem]])),
    redacted: redacted(value),
    files: watched,
  };
}

/** `admin.listen` of a file that may be wrong elsewhere; the default where it does not say. */
export async function listenAsWritten(mode: Mode): Promise<AdminListen> {
  const files = createFiles();
  const read = async () => {
    const env = await readEnvironment(files);
    const value = await readConfigValue({ env, mode, readTextFile: files.read });
    return (value as { admin?: unknown } | null)?.admin;
  };
  const written = adminSchema.safeParse(await read().catch(() => undefined));
  const { listen = DEFAULT_ADMIN } = written.success ? written.data : {};
  return parseListen(listen) ?? { kind: "off" };
}

/** `POSTERN_ADMIN` stands over `admin.listen`, as `POSTERN_PORT` says where the public port is. */
function withAdmin(config: GatewayConfig, env: Environment): GatewayConfig {
  const given = env["POSTERN_ADMIN"];
  if (given === undefined || given === "") return config;
  const listen = parseListen(given);
  if (listen === null) {
    throw new ConfigError([
      `POSTERN_ADMIN: "${given}" is not an address such as 127.0.0.1:8788 or unix:/run/postern.sock, nor "off"`,
    ]);
  }
  return { ...config, admin: { listen, isChosen: true } };
}

/** Each of several instances gets its share of what an upstream takes at a time. */
function shared(config: GatewayConfig, instances: number): GatewayConfig {
  if (instances === 1) return config;
  const upstreams = new Map(
    Array.from(config.upstreams, ([name, upstream]) => [name, {
      ...upstream,
      maxConcurrent: Math.ceil(upstream.maxConcurrent / instances),
    }]),
  );
  return { ...config, upstreams };
}

/** One for all configurations: it keeps nothing. */
const askFetch = createAskFetch();

/** What issuers have answered outlives a configuration. */
const sharedDocuments = createKeptDocuments();

/** A gateway of what was read. */
export function buildLoaded(core: Core, sources: Sources, open: OpenConnections): Loaded {
  const { config, legacyKey, hash, fingerprint } = sources;
  const gateway = createGateway(core, config, {
    legacyKey,
    identity: createIdentitySource(config.identity, { fetch: askFetch }),
    askFetch,
    sharedDocuments,
    transports: createDenoTransports(sources.pem, open),
    hiddenBody,
    background: createBackground(),
  });
  return { gateway, hash, fingerprint, redacted: sources.redacted };
}

/** Reads again; refuses what takes a restart, by name. `onRead` hears which files to watch. */
export function createLoadNext(
  core: Core,
  { mode, instances, open, onRead }: {
    readonly mode: Mode;
    readonly instances: number;
    readonly open: OpenConnections;
    readonly onRead: (files: ReadonlySet<string>) => void;
  },
): LoadNext {
  return async function loadNext(previous) {
    const sources = await readSources(mode, instances);
    onRead(sources.files);
    if (sources.fingerprint === previous.fingerprint) return null;
    const problems = restartProblems(previous.gateway.inside.config, sources.config);
    if (problems.length > 0) throw new ConfigError(problems);
    return buildLoaded(withKeys(core, sources.keys), sources, open);
  };
}

/** One line for each mistake of a file; empty: it could be put in force. */
export async function checkText(
  text: string,
  mode: Mode,
  current: GatewayConfig,
  env: Environment,
): Promise<readonly string[]> {
  try {
    const options = { env, mode, readTextFile: createFiles().read };
    const config = withAdmin(await configOf(parseJson(text, "postern.json"), options), env);
    readUpstreamFiles(config.upstreams.values());
    return restartProblems(current, config);
  } catch (error) {
    const problems = startProblems(error);
    if (problems === null) throw error;
    return problems;
  }
}

/** Settings on which the process itself stands. */
export function restartProblems(now: GatewayConfig, next: GatewayConfig): string[] {
  const differs = (one: unknown, other: unknown) => JSON.stringify(one) !== JSON.stringify(other);
  const problem = (setting: string) => `${setting}: can not change without a restart`;
  return [
    ...(differs(now.proxy, next.proxy) ? [problem("proxy")] : []),
    ...(differs(now.store, next.store) ? [problem("store")] : []),
    ...(differs(now.revocation, next.revocation) ? [problem("revocation")] : []),
    ...(differs(now.admin.listen, next.admin.listen) ? [problem("admin.listen")] : []),
    ...(now.workers === next.workers ? [] : [problem("workers")]),
    ...(differs([now.log.format, now.log.chain], [next.log.format, next.log.chain])
      ? [problem("log")]
      : []),
  ];
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
