/**
 * A gateway in a process of its own, as people run it: `deno task start` with a
 * configuration file. `workerd.ts` does the same for Cloudflare's runtime.
 *
 * @module
 */
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { freePort } from "./ports.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A running gateway. */
export interface GatewayProcess {
  /** `http://localhost:<port>`, its origin too. */
  readonly url: string;
  readonly port: number;
  /** `http://127.0.0.1:<port>` of the admin listener, where there is one. */
  readonly admin?: string;
  /** Of the process that runs now. */
  pid(): number;
  /** Everything it has written so far. */
  logs(): string;
  /** Ends it at once, as a crash would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it again, after it has gone, with the same settings but what is named here. */
  restart(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Asks it to end (SIGTERM) and resolves with the exit code. */
  stop(): Promise<number>;
}

/** What a gateway is started with. */
export interface GatewaySettings {
  /** Settings of `postern.json`; `origin` is put in. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly port?: number;
}

/** One runtime that can run the gateway. */
export interface GatewayHarness {
  readonly name: string;
  /** The store of a gateway of this harness, and the environment that goes with it. */
  store(): Promise<{
    readonly config: Readonly<Record<string, unknown>>;
    readonly env: Readonly<Record<string, string>>;
    stop(): Promise<void>;
  }>;
  start(settings: GatewaySettings): Promise<GatewayProcess>;
}

/** Starts a gateway with `deno run src/main.ts start` (or `dev`). */
export async function startGatewayProcess(
  settings: GatewaySettings & {
    readonly command?: "start" | "dev";
    /** Where the process runs; relative paths of the configuration start here. */
    readonly cwd?: string;
  },
): Promise<GatewayProcess> {
  const port = settings.port ?? freePort();
  const url = `http://localhost:${port}`;
  const adminPort = freePort();
  const env: Record<string, string> = {
    POSTERN_CONFIG: JSON.stringify({ origin: url, ...settings.config }),
    POSTERN_PORT: String(port),
    POSTERN_ADMIN: `127.0.0.1:${adminPort}`,
    POSTERN_KEYS: settings.env?.["POSTERN_KEYS"] ?? JSON.stringify(await generateKeySet()),
    ...settings.env,
  };
  const process = await supervise({
    url,
    port,
    command: Deno.execPath(),
    args: ["run", "-A", "--no-check", `${ROOT}src/main.ts`, settings.command ?? "start"],
    env,
    cwd: settings.cwd ?? ROOT,
  });
  return { ...process, admin: `http://127.0.0.1:${adminPort}` };
}

/** Keeps one process: starts it, collects what it says, waits until it answers. */
export async function supervise(options: {
  readonly url: string;
  readonly port: number;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly onStop?: () => Promise<void>;
}): Promise<GatewayProcess> {
  const { url, port } = options;
  let said = "";
  let env = { ...options.env };
  let child = spawn();

  function spawn() {
    const process = new Deno.Command(options.command, {
      args: [...options.args],
      env,
      cwd: options.cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const read = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) said += text;
    };
    const ended = Promise.all([read(process.stdout), read(process.stderr), process.status])
      .then(([, , { code }]) => code);
    let code: number | null = null;
    void ended.then((exitCode) => code = exitCode);
    return { process, ended, exitCode: () => code };
  }

  async function ready(): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (true) {
      const code = child.exitCode();
      if (code !== null) throw new Error(`the gateway ended with ${code}: ${said}`);
      if (Date.now() > deadline) throw new Error(`the gateway does not answer: ${said}`);
      try {
        // Not localhost: that may be ::1 first.
        await (await fetch(`http://127.0.0.1:${port}/auth/healthz`)).body?.cancel();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
  }

  async function end(signal: "SIGKILL" | "SIGTERM"): Promise<number> {
    if (child.exitCode() === null) child.process.kill(signal);
    return await child.ended;
  }

  await ready();
  return {
    url,
    port,
    pid: () => child.process.pid,
    logs: () => said,
    async kill() {
      await end("SIGKILL");
    },
    async restart(changes = {}) {
      env = { ...env, ...changes };
      child = spawn();
      await ready();
    },
    async stop() {
      const code = await end("SIGTERM");
      await options.onStop?.();
      return code;
    },
  };
}

/** Runs `main.ts` to its end: for starts that must fail. */
export async function runToEnd(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number; readonly output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${ROOT}src/main.ts`, ...args],
    env: { ...env },
    cwd: await Deno.makeTempDir({ prefix: "postern-" }),
    // One that starts after all would run for ever.
    signal: AbortSignal.timeout(20_000),
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** The gateway on Deno, with SQLite. */
export const denoHarness: GatewayHarness = {
  name: "Deno",
  start: startGatewayProcess,
  async store() {
    const folder = await Deno.makeTempDir({ prefix: "postern-store-" });
    return {
      config: { kind: "sqlite", path: `${folder}/postern.db` },
      env: {},
      stop: () => Deno.remove(folder, { recursive: true }),
    };
  },
};
