/**
 * `deno task dev:workers`: the demo on Cloudflare's own runtime. Starts a Redis
 * with an Upstash-compatible endpoint, and `wrangler dev --local` beside it.
 *
 * @module
 */
import { generateKeySet } from "../../src/tokens/key_ring.ts";
import { startRedis } from "./redis.ts";
import { startUpstashRest } from "./upstash_rest.ts";

const port = Deno.env.get("POSTERN_PORT") ?? "8787";
const redis = await startRedis();
const rest = await startUpstashRest({ redisPort: redis.port });
const variables = {
  // The demo's origin has it.
  POSTERN_PORT: port,
  POSTERN_KEYS: JSON.stringify(await generateKeySet()),
  UPSTASH_REDIS_REST_URL: rest.url,
  UPSTASH_REDIS_REST_TOKEN: rest.token,
};
const wrangler = new Deno.Command(Deno.execPath(), {
  args: [
    ...["run", "-A", "npm:wrangler@4.155.0", "dev", "--local", "--env", "dev"],
    ...["--ip", "127.0.0.1", "--port", port, "--inspector-port", "0"],
    ...Object.entries(variables).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
  ],
  env: { WRANGLER_SEND_METRICS: "false" },
}).spawn();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    try {
      wrangler.kill(signal);
    } catch {
      // It has gone already.
    }
  });
}
await wrangler.status;
await rest.stop();
await redis.stop();
