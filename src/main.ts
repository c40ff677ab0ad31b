/**
 * Deno entry: reads the environment and the configuration, opens the store,
 * serves. The only file that touches `Deno.*`.
 *
 *     deno task dev      the demo, or a gateway in front of POSTERN_UPSTREAM
 *     deno task start    production
 *     deno task keys     prints a new private JWK set for POSTERN_KEYS
 *     deno task schema   prints the JSON Schema of postern.json
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { Background } from "./base/background.ts";
import { systemClock } from "./base/clock.ts";
import { DEFAULT_PORT } from "./base/environment.ts";
import type { Environment, Mode } from "./base/environment.ts";
import { StoreUnavailableError } from "./base/errors.ts";
import type { GatewayConfig, StoreConfig } from "./config/config.ts";
import { configJsonSchema } from "./config/json_schema.ts";
import { ConfigError, loadConfig } from "./config/load.ts";
import { DEMO_TARGET, withDemoUpstream } from "./demo/upstream.ts";
import { createGateway } from "./gateway.ts";
import type { ConnectionInfo } from "./http/around.ts";
import { createIdentitySource } from "./identity/source.ts";
import type { Transport } from "./proxy/forward.ts";
import { fromWebSocket } from "./proxy/web_socket.ts";
import type { AcceptedSocket } from "./proxy/web_socket.ts";
import { dial } from "./proxy/ws_dial.ts";
import { createMemoryStore } from "./store/memory.ts";
import { StoreRejectedError } from "./store/port.ts";
import type { SessionStore } from "./store/port.ts";
import { openSqliteStore } from "./store/sqlite.ts";
import { createUpstashStore } from "./store/upstash.ts";
import { createBufferedWriter } from "./telemetry/buffered_writer.ts";
import { createEventLog } from "./telemetry/log.ts";
import { generateKeySet, importKeyRing, KeyRingError } from "./tokens/key_ring.ts";
import { importLegacyKey } from "./tokens/legacy.ts";

/** How long requests under way may take to finish after SIGTERM. */
const DRAIN_MS = 25_000;

async function main(args: readonly string[]): Promise<number> {
  switch (args[0]) {
    case "keys":
      print(JSON.stringify(await generateKeySet()));
      return 0;
    case "schema":
      print(JSON.stringify(configJsonSchema(), null, 2));
      return 0;
    case "dev":
      return await serve("dev");
    case "start":
      return await serve("production");
    default:
      complain("usage: main.ts dev | start | keys | schema");
      return 2;
  }
}

async function serve(mode: Mode): Promise<number> {
  const env: Environment = Deno.env.toObject();
  const config = await loadConfig({ env, mode, readTextFile });
  const hostname = env["POSTERN_HOST"] || "127.0.0.1";
  const port = portFrom(env);
  const keys = await importKeyRing(await readKeys(env, mode, config.store));
  const { legacy } = config.tokens;
  const legacyKey = legacy && await importLegacyKey(legacy, env["POSTERN_LEGACY_KEY"]);
  const store = openStore(config.store, env);
  // A store that is down is no reason not to start: routes fail closed until it is back.
  try {
    for (const warning of await store.probe()) complain(`warning: ${warning}`);
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    complain(`warning: ${error.message}`);
  }
  const format = mode === "dev" ? "text" : "json";
  const log = createBufferedWriter(writeAll);
  const background = createBackground();
  const transport = createDenoTransport(readUpstreamFiles(config));
  const app = createGateway(config, {
    store,
    keys,
    legacyKey,
    identity: createIdentitySource(config.identity, { fetch }),
    transport: { ...transport, fetch: withDemoUpstream(transport.fetch) },
    clock: systemClock,
    events: createEventLog({ format, write: log.write, clock: systemClock }),
    background,
  });

  const waitUntil = (work: Promise<unknown>) => void work.catch(() => {});
  const server = Deno.serve(
    {
      hostname,
      port,
      onListen: () => print(mode === "dev" ? devBanner(config) : startLine(config, hostname, port)),
    },
    (request, info) => app.fetch(request, connectionOf(info, waitUntil)),
  );
  await Promise.race([server.finished, terminationSignal()]);
  background.close();
  const drained = server.shutdown();
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([
    drained,
    new Promise((resolve) => timer = setTimeout(resolve, DRAIN_MS)),
  ]);
  clearTimeout(timer);
  await store.close();
  log.flush();
  return 0;
}

/** What is known of a connection; its promise is made only for who asks for it. */
export function connectionOf(
  info: Deno.ServeHandlerInfo<Deno.NetAddr>,
  waitUntil: ConnectionInfo["waitUntil"],
): ConnectionInfo {
  return {
    remoteAddress: info.remoteAddr.hostname,
    waitUntil,
  };
}

/** The contents of an upstream's PEM files. */
export interface UpstreamPem {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** How Deno reaches upstreams. `pem` tells the certificates of those that have some. */
export function createDenoTransport(pem: ReadonlyMap<string, UpstreamPem> = new Map()): Transport {
  const shared = { fetch, webSocket: { dial, accept: acceptWebSocket } };
  return {
    ...shared,
    decodesBodies: true,
    forUpstream({ name, host }) {
      const files = pem.get(name);
      if (files === undefined && host === "target") return null;
      const { ca, cert, key } = files ?? {};
      const client = Deno.createHttpClient({
        allowHost: host === "incoming",
        // The host name belongs to one target's certificate: HTTP/2 would merge it away.
        ...(host === "incoming" ? { http2: false } : {}),
        ...(ca === undefined ? {} : { caCerts: [ca] }),
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
      });
      return {
        fetch: (input, init) => fetch(input, { ...init, client }),
        webSocket: {
          dial: (handshake) => dial(handshake, { ca, cert, key }),
          accept: acceptWebSocket,
        },
      };
    },
  };
}

function readUpstreamFiles(config: GatewayConfig): Map<string, UpstreamPem> {
  const contents = new Map<string, UpstreamPem>();
  const problems: string[] = [];
  for (const { name, tls } of config.upstreams.values()) {
    if (tls === null) continue;
    const read = (setting: string, path: string | null) => {
      if (path === null) return {};
      try {
        return { [setting]: Deno.readTextFileSync(path) };
      } catch (error) {
        problems.push(`upstreams.${name}.tls.${setting}: "${path}" can not be read: ${error}`);
        return {};
      }
    };
    contents.set(name, {
      ...read("ca", tls.caPath),
      ...read("cert", tls.certPath),
      ...read("key", tls.keyPath),
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return contents;
}

/** Repeats work until it is closed. */
export function createBackground(): Background & { close(): void } {
  const stop = new AbortController();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  return {
    repeat(work, everyMs) {
      const run = async () => {
        await work(stop.signal);
        if (stop.signal.aborted) return;
        const timer = setTimeout(() => {
          timers.delete(timer);
          void run();
        }, everyMs);
        timers.add(timer);
      };
      void run();
    },
    close() {
      stop.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

function acceptWebSocket(request: Request, protocol: string): AcceptedSocket {
  const { socket, response } = Deno.upgradeWebSocket(request);
  // Its own option takes a list written with comma and space only.
  if (protocol !== "") response.headers.set("sec-websocket-protocol", protocol);
  return { end: fromWebSocket(socket), response };
}

function terminationSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.addSignalListener(signal, () => resolve());
    }
  });
}

function portFrom(env: Environment): number {
  const text = env["POSTERN_PORT"] || String(DEFAULT_PORT);
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new ConfigError([`POSTERN_PORT: "${text}" is not a port number`]);
  }
  return port;
}

function openStore(store: StoreConfig, env: Environment): SessionStore {
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
      if (!url || !token) throw new ConfigError(problems);
      const prefix = env["POSTERN_PREFIX"];
      return createUpstashStore({
        url,
        token,
        commandTimeoutMs: store.commandTimeoutMs,
        ...(prefix ? { prefix } : {}),
      });
    }
  }
}

async function readKeys(env: Environment, mode: Mode, store: StoreConfig): Promise<string> {
  const given = env["POSTERN_KEYS"];
  if (given) return given;
  if (mode === "production") {
    throw new ConfigError([
      "POSTERN_KEYS: is required; put the private JWK set there that `deno task keys` prints",
    ]);
  }
  const path = join(store.kind === "sqlite" ? dirname(store.path) : ".postern", "keys.json");
  const kept = await readTextFile(path);
  if (kept !== null) return kept;
  const fresh = JSON.stringify(await generateKeySet());
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(path, fresh, { mode: 0o600 });
  return fresh;
}

async function readTextFile(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new ConfigError([`${path}: can not be read: ${(error as Error).message}`]);
  }
}

function startLine(config: GatewayConfig, hostname: string, port: number): string {
  return JSON.stringify({
    time: new Date().toISOString(),
    level: "info",
    event: "listening",
    address: `${hostname}:${port}`,
    origin: config.origin,
    store: config.store.kind,
  });
}

function devBanner(config: GatewayConfig): string {
  const { origin } = config;
  const login = `${origin}${config.paths.auth}/login`;
  const demo = Array.from(config.upstreams.values()).some((upstream) =>
    upstream.targets.includes(DEMO_TARGET)
  );
  const targets = Array.from(config.upstreams.values(), (upstream) => upstream.targets.join(", "));
  const lines = [
    "",
    `Postern is at ${origin}, in front of ${demo ? "the demo upstream" : targets.join(" and ")}.`,
  ];
  if (config.identity.kind === "demo") {
    lines.push(
      'Sign in as "demo" with the password "postern". Try:',
      "",
      `  curl ${origin}${demo ? "/public" : "/"}`,
      `  curl -c /tmp/postern.jar ${login} -d username=demo -d password=postern`,
      `  curl -b /tmp/postern.jar ${origin}${demo ? "/hello" : "/"}`,
    );
  }
  return [...lines, ""].join("\n");
}

function writeAll(text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
}

function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

function complain(line: string): void {
  // deno-lint-ignore no-console
  console.error(line);
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (error instanceof ConfigError || error instanceof KeyRingError) {
      complain("Postern does not start:");
      for (const problem of error.problems) complain(`  ${problem}`);
      Deno.exit(1);
    }
    if (error instanceof StoreRejectedError || error instanceof Deno.errors.AddrInUse) {
      complain(`Postern does not start:\n  ${error.message}`);
      Deno.exit(1);
    }
    throw error;
  }
}
