/**
 * A gateway on a port, from the environment and the configuration, until a signal ends it.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Mode } from "../../base/environment.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import type { StopOptions } from "../../admin/options.ts";
import { createAdminParts } from "../../gateway/admin.ts";
import { type Core, createCore } from "../../gateway/core.ts";
import { createReloader, type Reloader } from "../../gateway/reload.ts";
import type { ConnectionInfo } from "../../http/around.ts";
import type { SessionStore } from "../../store/port.ts";
import { createBufferedWriter } from "../../telemetry/buffered_writer.ts";
import { createEventLog } from "../../telemetry/log.ts";
import { createPromMeter } from "../../telemetry/prom_meter.ts";
import { addressOf, adminGuard, listenAdmin } from "./admin_listener.ts";
import { complain, devBanner, print, startLine, writeAll } from "./console.ts";
import { buildLoaded, checkText, createLoadNext, readSources } from "./load.ts";
import { createOpenConnections, type OpenConnections } from "./open_connections.ts";
import { openStore, portFrom } from "./open.ts";
import { assertDemoIsLocal } from "./exposure.ts";
import { listenForSignals } from "./signals.ts";
import { watchFiles } from "./watch_files.ts";

/** Name and version of what we stand on. */
const RUNTIME = `deno ${Deno.version.deno}`;

/** Serves until a signal comes; the exit code. */
export async function serve(mode: Mode): Promise<number> {
  const sources = await readSources(mode);
  const { env, config } = sources;
  assertDemoIsLocal(config, env);
  const hostname = env["POSTERN_HOST"] || "127.0.0.1";
  const port = portFrom(env);
  const guard = await adminGuard(config.admin.listen, env);
  const store = await openStore(config.store, env);
  await warnAbout(store);
  const log = createBufferedWriter(writeAll);
  const core = createCore({
    store,
    keys: sources.keys,
    clock: systemClock,
    events: createEventLog({
      format: mode === "dev" ? "text" : "json",
      write: log.write,
      clock: systemClock,
    }),
    isolatesRequests: false,
    meter: createPromMeter(),
    runtime: RUNTIME,
  }, config);
  const open = createOpenConnections(() => core.metrics);
  const files = watchFiles(() => void reloader.reload());
  const reloader: Reloader = createReloader(buildLoaded(core, sources, open), {
    load: createLoadNext(core, mode, open, (seen) => files.set(seen)),
    clock: systemClock,
    events: core.events,
    metrics: core.metrics,
  });
  core.metrics.watch({
    targets: () =>
      reloader.current().gateway.inside.upstreams.entries().flatMap(([upstream, each]) =>
        each.targets().map(({ origin, healthy, underWay }) => ({
          upstream,
          target: origin,
          healthy,
          inFlight: underWay,
        }))
      ),
    configuration: () => ({ hash: reloader.current().hash, sinceMs: reloader.sinceMs() }),
  });

  const ended = Promise.withResolvers<void>();
  const admin = listenAdmin(
    config.admin.listen,
    createAdminParts(core, () => reloader.current().gateway, {
      guard,
      runtime: RUNTIME,
      configuration: {
        redacted: () => reloader.current().redacted,
        hash: () => reloader.current().hash,
        sinceMs: reloader.sinceMs,
        check: (text) => checkText(text, mode, reloader.current().gateway.inside.config, env),
        reload: reloader.reload,
      },
      drain: () => {
        core.lifecycle.drain("admin");
        open.close();
      },
    }),
  );
  const waitUntil = (work: Promise<unknown>) => void work.catch(() => {});
  const server = Deno.serve(
    {
      hostname,
      port,
      onListen: () =>
        print(
          mode === "dev"
            ? devBanner(config)
            : startLine(config, hostname, port, addressOf(config.admin.listen)),
        ),
    },
    async (request, info) =>
      open.answer(
        await reloader.current().gateway.fetch(request, connectionOf(info, waitUntil)),
      ),
  );
  files.set(sources.files);
  const signals = listenForSignals({
    reload: () => void reloader.reload(),
    stop: () => ended.resolve(),
  });
  await Promise.race([server.finished, ended.promise]);
  files.close();
  await wind(server, core, open, reloader.current().gateway.inside.config.stop);
  reloader.current().gateway.close();
  await admin?.close();
  signals.close();
  await store.close();
  log.flush();
  return 0;
}

/** Ends readiness, lets go of what is open, and waits for requests under way. */
async function wind(
  server: Deno.HttpServer,
  core: Core,
  open: OpenConnections,
  { delayMs, graceMs }: StopOptions,
): Promise<void> {
  core.lifecycle.drain("signal");
  open.close();
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([
    server.shutdown(),
    new Promise((resolve) => timer = setTimeout(resolve, graceMs)),
  ]);
  clearTimeout(timer);
}

/** A store that is down is no reason not to start: routes fail closed until it is back. */
async function warnAbout(store: SessionStore): Promise<void> {
  try {
    for (const warning of await store.probe()) complain(`warning: ${warning}`);
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    complain(`warning: ${error.message}`);
  }
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
