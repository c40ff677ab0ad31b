/**
 * One instance of the gateway on the port: the only one of its process, or one of several threads
 * that share it.
 *
 * @module
 */
import type { StopOptions } from "../../admin/options.ts";
import { systemClock } from "../../base/clock.ts";
import type { Mode } from "../../base/environment.ts";
import { StoreUnavailableError } from "../../base/errors.ts";
import { type Core, createCore } from "../../gateway/core.ts";
import type { Peers } from "../../gateway/ports.ts";
import { createReloader, type Reloader } from "../../gateway/reload.ts";
import type { ConnectionInfo } from "../../http/around.ts";
import type { SessionStore } from "../../store/port.ts";
import type { EventSink } from "../../telemetry/events.ts";
import type { Meter } from "../../telemetry/meter.ts";
import { ConfigError } from "../../config/problems.ts";
import { portFrom } from "../../config/environment.ts";
import { complain } from "./console.ts";
import { listenProblem } from "./listen_problem.ts";
import { openEventLog } from "./event_log.ts";
import { buildLoaded, createLoadNext } from "./load.ts";
import type { Sources } from "./load.ts";
import { createOpenConnections } from "./open_connections.ts";
import { createSpanExporter, otlpTarget } from "./otlp.ts";
import { openStore } from "./open.ts";

/** Name and version of what we stand on. */
export const RUNTIME = `deno ${Deno.version.deno}`;

/** What an instance is started with. */
export interface InstanceOptions {
  readonly mode: Mode;
  readonly sources: Sources;
  /** How many instances share the port and what an upstream may be given. */
  readonly instances: number;
  readonly meter: Meter;
  /** Takes whole lines of the log. */
  readonly write: (text: string) => void;
  readonly peers?: Peers;
  /** Of an instance that is not the first: what the first one shows to people. */
  readonly shown?: Shown;
  /** Hears which files went into the configuration at each reload. */
  readonly onRead: (files: ReadonlySet<string>) => void;
}

/** What an instance has seen. */
export interface Shown {
  readonly event: EventSink;
  answered(status: number): void;
}

/** A running instance. */
export interface Instance {
  readonly core: Core;
  readonly reloader: Reloader;
  /** Begins to take requests. */
  listen(onListen: () => void): void;
  /** Ends readiness and lets go of what is open. */
  drain(reason: string): void;
  /** The same, then waits for requests under way and closes everything. */
  stop(): Promise<void>;
}

/** Builds it; nothing listens yet. */
export async function createInstance(options: InstanceOptions): Promise<Instance> {
  const { mode, sources, instances, shown } = options;
  const { env, config } = sources;
  const store = await openStore(config.store, env);
  await warnAbout(store);
  const log = openEventLog(config.log, mode, options.write);
  const target = otlpTarget(env);
  const exporter = target === null ? null : createSpanExporter(
    target,
    env["OTEL_SERVICE_NAME"] || "postern",
    (reason) => complain(`warning: spans can not be exported: ${reason}`),
  );
  const core = createCore({
    store,
    keys: sources.keys,
    clock: systemClock,
    events: shown === undefined ? log.events : (event, context) => {
      log.events(event, context);
      if (event.event !== "request") shown.event(event, context);
    },
    ...(shown === undefined ? {} : { onAnswered: shown.answered }),
    isolatesRequests: false,
    meter: options.meter,
    ...(exporter === null ? {} : { spans: exporter.sink }),
    runtime: RUNTIME,
    ...(options.peers === undefined ? {} : { peers: options.peers }),
  }, config);
  const open = createOpenConnections(() => core.metrics);
  const reloader: Reloader = createReloader(buildLoaded(core, sources, open), {
    load: createLoadNext(core, { mode, instances, open, onRead: options.onRead }),
    clock: systemClock,
    events: core.events,
    metrics: core.metrics,
  });
  core.metrics.watch({
    signingKeys: () =>
      reloader.current().gateway.inside.core.keys.byKid.values().flatMap(
        ({ kid, createdAtSeconds }) =>
          createdAtSeconds === null
            ? []
            : [{ kid, ageMs: Math.max(0, systemClock() - createdAtSeconds * 1000) }],
      ),
    configuration: () => ({ hash: reloader.current().hash, sinceMs: reloader.sinceMs() }),
    targets: () =>
      reloader.current().gateway.inside.upstreams.entries().flatMap(([upstream, each]) =>
        each.targets().map(({ origin, healthy, underWay }) => ({
          upstream,
          target: origin,
          healthy,
          inFlight: underWay,
        }))
      ),
  });
  let server: Deno.HttpServer | null = null;

  function drain(reason: string): void {
    core.lifecycle.drain(reason);
    open.close();
  }

  return {
    core,
    reloader,
    drain,
    listen(onListen) {
      const waitUntil = (work: Promise<unknown>) => void work.catch(() => {});
      const hostname = env["POSTERN_HOST"] || "127.0.0.1";
      const port = portFrom(env);
      try {
        server = Deno.serve(
          { hostname, port, reusePort: instances > 1, onListen },
          async (request, info) =>
            open.answer(
              await reloader.current().gateway.fetch(request, connectionOf(info, waitUntil)),
            ),
        );
      } catch (error) {
        throw new ConfigError([listenProblem(error, hostname, port)]);
      }
    },
    async stop() {
      drain("signal");
      const { gateway } = reloader.current();
      if (server !== null) await wind(server, gateway.inside.config.stop);
      gateway.close();
      await exporter?.close();
      await store.close();
      log.flush();
    },
  };
}

/** Waits for requests under way, as long as they may take. */
async function wind(
  server: Deno.HttpServer,
  { delayMs, graceMs }: StopOptions,
): Promise<void> {
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
