/**
 * What it costs to have somebody else carry the requests: nginx that asks Postern about
 * each (`deploy/proxies/nginx.conf`), Postern that carries them itself, and nginx alone.
 * `deno run -A tests/bench/forward_auth.ts [rounds] [seconds]`; rounds are interleaved.
 *
 * @module
 */
import { freePort } from "../support/ports.ts";
import { layGround, nginx, posternServer } from "./contenders.ts";
import type { Contender } from "./contenders.ts";
import { compare } from "./measure.ts";
import { start } from "./process.ts";
import { mintTokens } from "./tokens.ts";

const ROUNDS = Number(Deno.args[0] ?? 5);
const SECONDS = Number(Deno.args[1] ?? 2);

const ground = await layGround();
const contenders: Contender[] = [];
try {
  const server = await posternServer(ground, {
    name: "Postern as the proxy",
    store: "memory",
    settings: { verify: { trustedProxies: ["127.0.0.1"] } },
  });
  const [token = ""] = await mintTokens(server.keys, 1);
  const headers = { authorization: `Bearer ${token}` };

  const alone = await nginx(ground);
  if (alone === null) throw new Error("nginx is not installed");
  contenders.push({ ...alone, headers });
  contenders.push({ running: { ...server.running, url: `${server.url}/` }, headers });
  const front = await startFront(new URL(server.url).host, new URL(ground.upstream.url).host);
  contenders.push({
    running: {
      ...front,
      cpuSeconds: () => front.cpuSeconds() + server.running.cpuSeconds(),
    },
    headers,
  });
  await compare(contenders, { rounds: ROUNDS, seconds: SECONDS });
} finally {
  for (const { running } of contenders) await running.stop();
  await ground.stop();
}

/** nginx with the configuration that we ship, and kept connections. */
async function startFront(postern: string, application: string) {
  const port = freePort();
  const folder = await Deno.makeTempDir({ dir: ground.folder });
  const shipped = await Deno.readTextFile(
    new URL("../../deploy/proxies/nginx.conf", import.meta.url),
  );
  const inside = shipped.replaceAll("http://127.0.0.1:8787", "http://postern")
    .replaceAll("http://127.0.0.1:8000", "http://application");
  const file = `${folder}/nginx.conf`;
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  await Deno.writeTextFile(
    file,
    `daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
worker_processes 1;
events {}
http {
access_log off;
${paths}
upstream postern { server ${postern}; keepalive 64; }
upstream application { server ${application}; keepalive 64; }
server {
listen 127.0.0.1:${port};
keepalive_requests 1000000;
${inside}
}
}
`,
  );
  return await start({
    name: "nginx + Postern's decision",
    url: `http://127.0.0.1:${port}/`,
    command: "/usr/sbin/nginx",
    args: ["-c", file, "-e", `${folder}/error.log`],
  });
}
