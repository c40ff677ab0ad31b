/**
 * A gateway on a port, from the environment and the configuration, until a signal ends it.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Environment, Mode } from "../../base/environment.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import { loadConfig } from "../../config/load.ts";
import { withDemoUpstream } from "../../demo/upstream.ts";
import { createCore } from "../../gateway/core.ts";
import { createGateway } from "../../gateway/gateway.ts";
import type { ConnectionInfo } from "../../http/around.ts";
import { createIdentitySource } from "../../identity/source.ts";
import { createBufferedWriter } from "../../telemetry/buffered_writer.ts";
import { createEventLog } from "../../telemetry/log.ts";
import { importKeyRing } from "../../tokens/key_ring.ts";
import { importLegacyKey } from "../../tokens/legacy.ts";
import { createBackground } from "./background.ts";
import { complain, devBanner, print, startLine, writeAll } from "./console.ts";
import { openStore, portFrom, readKeys, readTextFile } from "./open.ts";
import { createDenoTransport, readUpstreamFiles } from "./transport.ts";

/** How long requests under way may take to finish after SIGTERM. */
const DRAIN_MS = 25_000;

/** Serves until a signal comes; the exit code. */
export async function serve(mode: Mode): Promise<number> {
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
  const transport = createDenoTransport(readUpstreamFiles(config));
  const events = createEventLog({ format, write: log.write, clock: systemClock });
  const core = createCore(
    { store, keys, clock: systemClock, events, isolatesRequests: false },
    config,
  );
  const gateway = createGateway(core, config, {
    legacyKey,
    identity: createIdentitySource(config.identity, { fetch }),
    transport: { ...transport, fetch: withDemoUpstream(transport.fetch) },
    background: createBackground(),
  });

  const waitUntil = (work: Promise<unknown>) => void work.catch(() => {});
  const server = Deno.serve(
    {
      hostname,
      port,
      onListen: () => print(mode === "dev" ? devBanner(config) : startLine(config, hostname, port)),
    },
    (request, info) => gateway.fetch(request, connectionOf(info, waitUntil)),
  );
  await Promise.race([server.finished, terminationSignal()]);
  gateway.close();
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

function terminationSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.addSignalListener(signal, () => resolve());
    }
  });
}
