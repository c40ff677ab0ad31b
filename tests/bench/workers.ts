/**
 * What Postern adds in workerd (`deno task bench:workers [rounds] [seconds]`):
 * an authorised request against a Worker that only passes it on, size, start-up.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { freePort } from "../support/ports.ts";
import { bundleWorker, workerConfig, workerdPath } from "../support/workerd.ts";
import { type Contender, layGround } from "./contenders.ts";
import { median } from "./load.ts";
import { compare, print } from "./measure.ts";
import { start } from "./process.ts";
import { keySet, mintTokens, ORIGIN } from "./tokens.ts";

const ROUNDS = Number(Deno.args[0] ?? 7);
const SECONDS = Number(Deno.args[1] ?? 2);

const BARE = `export default {
  fetch(request, { UPSTREAM }) {
    const { pathname, search } = new URL(request.url);
    return fetch(UPSTREAM + pathname + search, request);
  },
};
`;

/** What the wire contract costs in this runtime before anybody has looked at a token. */
const FLOOR = `export default {
  async fetch(request, { UPSTREAM }) {
    const { pathname, search } = new URL(request.url);
    const headers = [...request.headers].filter(([name]) => name !== "authorization");
    for (let i = 0; i < 10; i++) headers.push(["x-added-" + i, "a value"]);
    const answer = await fetch(UPSTREAM + pathname + search, {
      method: request.method,
      headers,
      body: request.body,
      redirect: "manual",
      cache: "no-store",
      signal: AbortSignal.timeout(30_000),
    });
    return new Response(answer.body, {
      status: answer.status,
      headers: [...answer.headers, ["via", "1.1 floor"]],
    });
  },
};
`;

const ground = await layGround();
const upstream = ground.upstream.url.slice(0, -1);
const command = await workerdPath();
const keys = await keySet("ES256");
const [token = ""] = await mintTokens(keys, 1);
const headers = { authorization: `Bearer ${token}` };
const folderOf = async (code: string) => {
  const folder = await Deno.makeTempDir({ dir: ground.folder });
  await Deno.writeTextFile(`${folder}/worker.js`, code);
  return folder;
};
const [bareFolder, floorFolder] = [await folderOf(BARE), await folderOf(FLOOR)];
const bundle = await bundleWorker();

async function serve(
  name: string,
  folder: string,
  bindings: Readonly<Record<string, string>>,
): Promise<Contender> {
  const port = freePort();
  const config = await workerConfig({ folder, port, bindings });
  const url = `http://127.0.0.1:${port}/`;
  return { running: await start({ name, url, command, args: ["serve", config] }), headers };
}

const startBare = () => serve("bare Worker", bareFolder, { UPSTREAM: upstream });
const startPostern = () =>
  serve("**Postern** in workerd", bundle, {
    POSTERN_CONFIG: JSON.stringify({
      origin: ORIGIN,
      identity: { kind: "upstream", url: "http://127.0.0.1:9/login", subject: "/id" },
      store: { kind: "upstash" },
      upstreams: { app: { targets: [upstream] } },
      routes: [{ path: "/*", upstream: "app" }],
    }),
    POSTERN_KEYS: keys,
    UPSTASH_REDIS_REST_URL: ground.upstash.url,
    UPSTASH_REDIS_REST_TOKEN: ground.upstash.token,
  });

async function startUpMs(begin: () => Promise<Contender>): Promise<number> {
  const times: number[] = [];
  for (let trial = 0; trial < 5; trial++) {
    const beganAtMs = performance.now();
    const { running } = await begin();
    times.push(performance.now() - beganAtMs);
    await running.stop();
  }
  return median(times);
}

const contenders: Contender[] = [];
try {
  const size = gzipSync(await Deno.readFile(`${bundle}/worker.js`)).length / 1024;
  print(`the Worker, minified and gzipped: ${size.toFixed(1)} KiB`);
  const [bareMs, posternMs] = [await startUpMs(startBare), await startUpMs(startPostern)];
  print(
    `from starting workerd to the first answer: bare ${bareMs.toFixed(0)} ms, ` +
      `Postern ${posternMs.toFixed(0)} ms\n`,
  );
  contenders.push(
    await startBare(),
    await serve("a Worker that adds ten headers and a time limit", floorFolder, {
      UPSTREAM: upstream,
    }),
    await startPostern(),
  );
  await compare(contenders, { rounds: ROUNDS, seconds: SECONDS });
} finally {
  for (const { running } of contenders) await running.stop();
  await ground.stop();
}
