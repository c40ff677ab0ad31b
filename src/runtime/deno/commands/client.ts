/**
 * How commands reach the admin API: at the gateway's admin listener, or, when no gateway answers
 * there, in this very process on the gateway's store.
 *
 * @module
 */
import { createAdmin } from "../../../admin/app.ts";
import { createGuard } from "../../../admin/guard.ts";
import { type AdminListen, parseListen } from "../../../admin/options.ts";
import { systemClock } from "../../../base/clock.ts";
import type { Mode } from "../../../base/environment.ts";
import { createAdminParts } from "../../../gateway/admin.ts";
import { createCore } from "../../../gateway/core.ts";
import { createReloader } from "../../../gateway/reload.ts";
import { startProblems } from "../../../gateway/start_problem.ts";
import { createFiles, readEnvironment } from "../environment.ts";
import { openEventLog } from "../event_log.ts";
import { buildLoaded, checkText, listenAsWritten, readSources } from "../load.ts";
import { createOpenConnections } from "../open_connections.ts";
import { openStore } from "../open.ts";
import type { Output } from "./output.ts";

/** An answer of the admin API. */
export interface Answer {
  readonly status: number;
  // What the API answers is described by `admin/answers.ts`; commands pick what they print.
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** Asks the admin API. */
export interface AdminClient {
  readonly isDirect: boolean;
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
  close(): Promise<void>;
}

/** No gateway answers, and its store can not be opened from here. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** What every command can be told about where to ask. */
export interface ClientOptions {
  /** `host:port`, `unix:path`; the environment's or the configuration's if absent. */
  readonly admin?: string;
  readonly mode: Mode;
  /** Whether the store will do when no gateway answers. */
  readonly mayBeDirect: boolean;
}

/** How long a gateway on this machine may take to accept a connection. */
const PROBE_MS = 2_000;

/**
 * Finds the gateway, or stands in for it.
 *
 * @throws {UnreachableError} when neither is possible.
 */
export async function connectAdmin(
  options: ClientOptions,
  output: Pick<Output, "remark">,
): Promise<AdminClient> {
  const { listen, problem } = await whereToAsk(options);
  const { POSTERN_ADMIN_TOKEN: token = "" } = await readEnvironment(createFiles());
  const remote = remoteClient(listen, token);
  try {
    await remote.ask("GET", "/livez");
    return remote;
  } catch (error) {
    await remote.close();
    if (problem !== null) throw problem;
    const at = options.admin ?? addressText(listen);
    if (!options.mayBeDirect || options.admin !== undefined) {
      throw new UnreachableError(`no gateway answers at ${at}: ${reason(error)}`);
    }
    output.remark(`No gateway answers at ${at}; working on the store itself.`);
    return await directClient(options.mode);
  }
}

/** Where the admin API listens, and what keeps us from reading the whole configuration. */
interface Address {
  readonly listen: AdminListen;
  readonly problem: unknown;
}

/**
 * A gateway that runs can be asked without its keys and secrets at hand, whatever became of
 * its file since, and where there is none, as that of `dev`: then at the default address.
 */
async function whereToAsk({ admin, mode }: ClientOptions): Promise<Address> {
  const given = admin ?? Deno.env.get("POSTERN_ADMIN");
  if (given !== undefined && given !== "") {
    const listen = parseListen(given);
    if (listen === null) throw new UnreachableError(`"${given}" is not an address`);
    return { listen, problem: null };
  }
  try {
    const { config } = await readSources(mode);
    return { listen: config.admin.listen, problem: null };
  } catch (problem) {
    if (startProblems(problem) === null) throw problem;
    return { listen: await listenAsWritten(mode), problem };
  }
}

function remoteClient(listen: AdminListen, token: string): AdminClient {
  const client = listen.kind === "unix"
    ? Deno.createHttpClient({ proxy: { transport: "unix", path: listen.path } })
    : null;
  const base = listen.kind === "tcp"
    ? `http://${listen.hostname}:${listen.port}`
    : "http://localhost";
  // Of several, as the gateway reads them, the first; without its name.
  const [first = ""] = token.split(/[\s,]+/);
  const headers: Record<string, string> = {
    "x-postern-actor": Deno.env.get("USER") ?? Deno.env.get("LOGNAME") ?? "cli",
    ...(first === "" ? {} : { authorization: `Bearer ${first.replace(/^[\w.@-]{1,64}:/, "")}` }),
  };
  return {
    isDirect: false,
    async ask(method, path, body) {
      if (listen.kind === "off") throw new Error("the admin listener is switched off");
      const response = await fetch(base + path, {
        method,
        headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
        signal: AbortSignal.timeout(path === "/livez" ? PROBE_MS : 60_000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(client === null ? {} : { client }),
      });
      return await answerOf(response);
    },
    close() {
      client?.close();
      return Promise.resolve();
    },
  };
}

/** The admin API over a core of our own: nothing is served, and every change is in the store. */
async function directClient(mode: Mode): Promise<AdminClient> {
  const sources = await readSources(mode);
  const store = await openStore(sources.config.store, sources.env);
  const log = openEventLog(
    { ...sources.config.log, chain: false },
    mode,
    (text) => Deno.stderr.writeSync(new TextEncoder().encode(text)),
  );
  const core = createCore({
    store,
    keys: sources.keys,
    clock: systemClock,
    events: log.events,
    isolatesRequests: false,
    runtime: `deno ${Deno.version.deno}`,
  }, sources.config);
  const open = createOpenConnections(() => core.metrics);
  const loaded = buildLoaded(core, sources, open);
  const reloader = createReloader(loaded, {
    load: () => Promise.resolve(null),
    clock: systemClock,
    events: core.events,
    metrics: core.metrics,
  });
  const admin = createAdmin(createAdminParts(core, () => loaded.gateway, {
    guard: createGuard({ trustsPeers: true, tokens: [] }),
    runtime: `deno ${Deno.version.deno}`,
    configuration: {
      redacted: () => loaded.redacted,
      hash: () => loaded.hash,
      sinceMs: reloader.sinceMs,
      check: (text) => checkText(text, mode, sources.config, sources.env),
      reload: null,
    },
    drain: null,
  }));
  return {
    isDirect: true,
    async ask(method, path, body) {
      const request = new Request(`http://localhost${path}`, {
        method,
        headers: {
          host: "localhost",
          "x-postern-actor": Deno.env.get("USER") ?? "cli",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return await answerOf(
        await admin.fetch(request, {
          remoteAddress: "cli",
          waitUntil: (work) => void work.catch(() => {}),
        }),
      );
    },
    async close() {
      loaded.gateway.close();
      await store.close();
      log.flush();
    },
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, body: isJson && text !== "" ? JSON.parse(text) : text };
}

function addressText(listen: AdminListen): string {
  switch (listen.kind) {
    case "off":
      return "(switched off)";
    case "unix":
      return `unix:${listen.path}`;
    case "tcp":
      return `${listen.hostname}:${listen.port}`;
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
