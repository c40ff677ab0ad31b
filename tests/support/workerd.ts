/**
 * A gateway in the real workerd: `src/worker.ts` bundled as `wrangler deploy`
 * bundles it, with settings as bindings.
 *
 * @module
 */
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { type GatewayHarness, type GatewayProcess, supervise } from "./gateway_process.ts";
import type { GatewaySettings } from "./gateway_process.ts";
import { freePort } from "./ports.ts";
import { startRedis } from "./redis.ts";
import { startUpstashRest } from "./upstash_rest.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

let bundled: Promise<string> | undefined;

/**
 * Bundles the Worker; resolves with the folder. Test files run in processes and threads of
 * their own, so the bundle is kept on disk under a hash of what it was made from.
 */
export function bundleWorker(): Promise<string> {
  return bundled ??= (async () => {
    const kept = `${ROOT}node_modules/.postern-worker`;
    const folder = `${kept}/${await sourceHash()}`;
    await Deno.mkdir(kept, { recursive: true });
    using lock = await Deno.open(`${kept}/lock`, { create: true, write: true });
    await lock.lock(true);
    if (!await Deno.stat(folder).then(() => true, () => false)) {
      for await (const { name, isDirectory } of Deno.readDir(kept)) {
        const path = `${kept}/${name}`;
        if (isDirectory && await isOld(path)) await Deno.remove(path, { recursive: true });
      }
      await bundleInto(`${folder}.new`);
      await Deno.rename(`${folder}.new`, folder);
    }
    return folder;
  })();
}

/** Nobody can be using a bundle of yesterday. */
async function isOld(path: string): Promise<boolean> {
  const { mtime } = await Deno.stat(path);
  return Date.now() - (mtime?.getTime() ?? 0) > 86_400_000;
}

async function bundleInto(folder: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "npm:wrangler@4.155.0", "deploy", "--dry-run", "--env", ""],
      ...["--outdir", folder],
    ],
    cwd: ROOT,
    env: { WRANGLER_SEND_METRICS: "false", CI: "true" },
  }).output();
  if (!success) {
    const decoder = new TextDecoder();
    throw new Error(`wrangler: ${decoder.decode(stdout)}${decoder.decode(stderr)}`);
  }
}

/** A hash over every file that a bundle is made from. */
async function sourceHash(): Promise<string> {
  const files = ["wrangler.toml", "deno.lock"];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
      if (isDirectory) await walk(`${folder}/${name}`);
      else files.push(`${folder}/${name}`);
    }
  };
  await walk("src");
  const parts = await Promise.all(
    files.sort().map(async (file) => `${file}\n${await Deno.readTextFile(ROOT + file)}\n`),
  );
  const bytes = new TextEncoder().encode(parts.join(""));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 32);
}

/** The workerd binary that wrangler brought along. */
export async function workerdPath(): Promise<string> {
  const store = `${ROOT}node_modules/.deno`;
  for await (const { name } of Deno.readDir(store)) {
    if (name.startsWith("@cloudflare+workerd-")) {
      const [, platform = ""] = /^@cloudflare\+(workerd-[a-z0-9-]+)@/.exec(name) ?? [];
      return `${store}/${name}/node_modules/@cloudflare/${platform}/bin/workerd`;
    }
  }
  throw new Error("workerd is not installed; run `deno install`");
}

/** Writes a workerd configuration for a bundle and gives its path. */
export async function workerConfig(options: {
  readonly folder: string;
  readonly port: number;
  readonly bindings: Readonly<Record<string, string>>;
  /** The module to start with; `worker.js` of the bundle if absent. */
  readonly main?: string;
}): Promise<string> {
  const { folder, port, bindings, main = "worker.js" } = options;
  const toml = await Deno.readTextFile(`${ROOT}wrangler.toml`);
  const [, date = ""] = /^compatibility_date = "(.*)"$/m.exec(toml) ?? [];
  const [, flags = ""] = /^compatibility_flags = \[(.*)\]$/m.exec(toml) ?? [];
  const modules = [`(name = "${main}", esModule = embed "${main}")`];
  for await (const { name } of Deno.readDir(folder)) {
    if (/(?:\.lua|\.html|client\.js)$/.test(name)) {
      modules.push(`(name = "./${name}", text = embed "${name}")`);
    }
  }
  const texts = Object.entries(bindings).map(([name, value]) =>
    `(name = "${name}", text = ${JSON.stringify(value)})`
  );
  const path = `${folder}/${port}.capnp`;
  await Deno.writeTextFile(
    path,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [${modules.join(", ")}],
  bindings = [${texts.join(", ")}],
  compatibilityDate = "${date}",
  compatibilityFlags = [${flags}],
  globalOutbound = "internet",
);
`,
  );
  return path;
}

/** Starts a gateway in workerd. */
export async function startWorkerGateway(settings: GatewaySettings): Promise<GatewayProcess> {
  const port = settings.port ?? freePort();
  const url = `http://localhost:${port}`;
  const path = await workerConfig({
    folder: await bundleWorker(),
    port,
    bindings: {
      POSTERN_CONFIG: JSON.stringify({ origin: url, ...settings.config }),
      POSTERN_KEYS: settings.env?.["POSTERN_KEYS"] ?? JSON.stringify(await generateKeySet()),
      ...settings.env,
    },
  });
  return await supervise({
    url,
    port,
    command: await workerdPath(),
    args: ["serve", path],
    env: {},
    cwd: ROOT,
  });
}

/** The gateway on Workers, with Upstash over a real Redis. */
export const workerdHarness: GatewayHarness = {
  name: "workerd",
  start: startWorkerGateway,
  async store() {
    const redis = await startRedis();
    const rest = await startUpstashRest({ redisPort: redis.port });
    return {
      config: { kind: "upstash" },
      env: { UPSTASH_REDIS_REST_URL: rest.url, UPSTASH_REDIS_REST_TOKEN: rest.token },
      async stop() {
        await rest.stop();
        await redis.stop();
      },
    };
  },
};
