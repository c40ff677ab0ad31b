import assert from "node:assert/strict";
import { Redis } from "@upstash/redis/cloudflare";
import { Redis as Slim } from "../../src/runtime/workers/redis.js";

type Settings = ConstructorParameters<typeof Redis>[0];
type Client = Pick<Redis, "exec" | "eval" | "evalsha">;

const COMMANDS: Readonly<Record<string, (redis: Client) => Promise<unknown>>> = {
  command: (redis) => redis.exec(["GET", "é\u0000\ud83d"]),
  eval: (redis) => redis.eval("return 1", ["a", "b"], ["1", "{}"]),
  evalsha: (redis) => redis.evalsha("0f", [], []),
};

const ANSWERS: Readonly<Record<string, () => Response>> = {
  "a number": () => Response.json({ result: 1 }),
  "text that looks like a number": () => Response.json({ result: "0123" }),
  "nothing found": () => Response.json({ result: null }),
  "a list": () => Response.json({ result: ["1", null, ["{}"]] }),
  "an error with 200": () => Response.json({ error: "ERR no" }),
  "an error": () => Response.json({ error: "NOSCRIPT No matching script." }, { status: 400 }),
  "a refusal": () => Response.json({ error: "Unauthorized" }, { status: 401 }),
  "no result": () => Response.json({}),
  "no JSON": () => new Response("<html>", { status: 502 }),
  "no JSON with 200": () => new Response("<html>"),
};

/** What one of the two sent, and what came of it. */
async function seen(create: (settings: Settings) => Client, act: string, answer: string) {
  const requests: unknown[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (r) => {
    const { host: _, ...headers } = Object.fromEntries(r.headers);
    requests.push([r.method, new URL(r.url).pathname, headers, await r.text()]);
    return ANSWERS[answer]?.() ?? new Response(null, { status: 500 });
  });
  const redis = create({
    url: `http://127.0.0.1:${server.addr.port}/`,
    token: "t0ken",
    enableTelemetry: false,
    automaticDeserialization: false,
    enableAutoPipelining: false,
    responseEncoding: false,
    readYourWrites: false,
    retry: { retries: 0 },
    signal: () => AbortSignal.timeout(10_000),
  });
  const outcome = await COMMANDS[act]?.(redis).then(
    (result) => ({ result }),
    ({ name, message }: Error) => ({ name, message }),
  );
  return { requests, outcome };
}

Deno.test("the Worker's part of Upstash's client sends and understands what the whole one does", async () => {
  for (const act of Object.keys(COMMANDS)) {
    for (const answer of Object.keys(ANSWERS)) {
      const slim = await seen((settings) => new Slim(settings), act, answer);
      const whole = await seen((settings) => new Redis(settings), act, answer);
      assert.equal(slim.requests.length, 1);
      assert.deepEqual(slim, whole, `${act}, answered with ${answer}`);
    }
  }
});

Deno.test("the Worker's part of Upstash's client ends with its signal, as the whole one does", async () => {
  const signal = () => AbortSignal.abort(new DOMException("too late", "TimeoutError"));
  const settings = { url: "http://127.0.0.1:9", token: "t", retry: { retries: 0 }, signal };
  for (const Client of [Slim, Redis]) {
    await assert.rejects(new Client(settings).exec(["PING"]), { name: "TimeoutError" });
  }
});
