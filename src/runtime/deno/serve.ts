/**
 * A gateway on a port, from the environment and the configuration, until a signal ends it.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import type { Environment, Mode } from "../../base/environment.ts";
import type { GatewayConfig } from "../../config/config.ts";
import { createAdminParts } from "../../gateway/admin.ts";
import { createPromMeter, renderTogether } from "../../telemetry/prom_meter.ts";
import { adminGuard, listenAdmin } from "./admin_listener.ts";
import { portFrom } from "../../config/environment.ts";
import { complain, devBanner, listeningEvent } from "./console.ts";
import { assertDemoIsLocal } from "./exposure.ts";
import { useProxy } from "./proxy_variables.ts";
import { createInstance, RUNTIME } from "./instance.ts";
import { checkText, readSources } from "./load.ts";
import { createLogOutput } from "./log_output.ts";
import { openingWarnings } from "./openings.ts";
import { listenForSignals } from "./signals.ts";
import { createThreads } from "./threads.ts";
import { watchFiles } from "./watch_files.ts";

/** Exit code when a thread was lost: whoever watches over the process starts it again. */
const LOST = 70;

/** Serves until a signal comes; the exit code. */
export async function serve(mode: Mode): Promise<number> {
  const first = await readSources(mode);
  const { env, config } = first;
  assertDemoIsLocal(config, env);
  warnOfUpstream(config, env);
  if (config.proxy !== null) useProxy(config.proxy);
  const guard = await adminGuard(config.admin.listen, env);
  const instances = config.workers === "auto" ? availableParallelism() : config.workers;

  for (const words of openingWarnings(config)) complain(`warning: ${words}`);
  const output = createLogOutput(Deno.stdout, complain);
  const ended = Promise.withResolvers<number>();
  const threads = createThreads(instances - 1, {
    write: output.write,
    lost(reason) {
      complain(`a thread was lost: ${reason}`);
      ended.resolve(LOST);
    },
    // What the others see is shown here, too.
    event(event, context) {
      core.recent.sink(event, context);
      core.activity.event(event);
    },
    answered: (requests, errors) => core.activity.answeredElsewhere(requests, errors),
  });
  const meter = createPromMeter();
  const files = watchFiles(() => void reload());
  const instance = await createInstance({
    mode,
    sources: instances === 1 ? first : await readSources(mode, instances),
    instances,
    meter: instances === 1 ? meter : {
      ...meter,
      render: async () => renderTogether([await meter.values(), ...await threads.metrics()]),
    },
    write: output.write,
    ...(instances === 1 ? {} : { peers: threads.peers }),
    onRead: (seen) => files.set(seen),
  });
  const { core, reloader } = instance;

  /** First here, where a mistake is told; then in the others, which read the same. */
  async function reload() {
    const outcome = await reloader.reload();
    // Unchanged here, too: another thread may have read the file in the middle of a change.
    if (outcome.kind !== "refused") threads.tell({ kind: "reload" });
    return outcome;
  }

  const admin = listenAdmin(
    config.admin,
    createAdminParts(core, () => reloader.current().gateway, {
      guard,
      runtime: RUNTIME,
      configuration: {
        redacted: () => reloader.current().redacted,
        hash: () => reloader.current().hash,
        sinceMs: reloader.sinceMs,
        check: (text) => checkText(text, mode, reloader.current().gateway.inside.config, env),
        reload,
      },
      drain: () => {
        threads.tell({ kind: "drain", reason: "admin" });
        instance.drain("admin");
      },
    }),
  );
  // Before anybody answers: whoever sees an answer may already send one.
  const signals = listenForSignals({
    reload: () => void reload(),
    stop: () => ended.resolve(0),
  });
  await threads.start(mode);
  instance.listen(() => {
    if (mode === "dev") return output.write(`${devBanner(config)}\n`);
    const host = env["POSTERN_HOST"] || "127.0.0.1";
    core.events(
      listeningEvent(config, host, portFrom(env), admin?.address ?? "off"),
      { requestId: "-", clientAddress: "-" },
    );
  });
  files.set(first.files);
  const code = await ended.promise;
  files.close();
  await Promise.all([instance.stop(), threads.stop()]);
  await admin?.close();
  signals.close();
  await output.close();
  return code;
}

/** The shorthand is for where there is no configuration; who sets both means one of them. */
function warnOfUpstream({ upstreams }: GatewayConfig, env: Environment): void {
  const named = env["POSTERN_UPSTREAM"];
  if (!named) return;
  const origin = URL.parse(named)?.href;
  const isOne = upstreams.values().some(({ targets }) =>
    targets.some((target) => URL.parse(target)?.href === origin)
  );
  if (!isOne) complain("warning: POSTERN_UPSTREAM has no say: the configuration names upstreams");
}
