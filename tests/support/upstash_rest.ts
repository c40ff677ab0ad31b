/**
 * An Upstash-compatible REST endpoint over a real Redis: single commands,
 * `/pipeline`, `/multi-exec`, `/subscribe` as an event stream, base64 responses, the errors of a wrong or
 * read-only token – and switches that break it in the ways networks do.
 *
 *     deno task redis:rest     for people who host Redis themselves in development
 *
 * @module
 */
import { Redis } from "ioredis";
import { startRedis } from "./redis.ts";

/** Ways to go wrong; each stays on until it is set back. */
export interface Faults {
  /** Waits so long before the command is run. */
  delayMs: number;
  /** Breaks the connection before the command is run. */
  drop: boolean;
  /** Runs the command, then breaks the connection instead of answering. */
  cutAfterCommit: boolean;
  /** Answers with this status instead of running the command. */
  status: 429 | 500 | null;
  /** Applies to so many requests only; `Infinity`: to all. */
  times: number;
}

/** The running endpoint. */
export interface UpstashRest {
  readonly url: string;
  readonly token: string;
  readonly readOnlyToken: string;
  readonly faults: Faults;
  /** HTTP requests so far. */
  requests(): number;
  /** Names of the commands so far, in order. */
  commands(): readonly string[];
  /** Speaks to another Redis from now on. */
  retarget(port: number): void;
  /** Breaks off every event stream, and refuses new ones until it is called with `false`. */
  cutStreams(refuse: boolean): void;
  /** Event streams that are open. */
  streams(): number;
  /** Header names that came in with the last request. */
  lastHeaders(): Headers;
  stop(): Promise<void>;
}

const NO_FAULTS: Readonly<Faults> = {
  delayMs: 0,
  drop: false,
  cutAfterCommit: false,
  status: null,
  times: Infinity,
};

/** Commands that a read-only token may not run. */
const WRITES = /^(?:SET|DEL|EVAL|EVALSHA|HSET|INCR|EXPIRE|FLUSHALL|FLUSHDB|LPUSH|RPUSH|ZADD)/i;

/** Starts the endpoint on a free port of 127.0.0.1. */
export function startUpstashRest(options: {
  readonly redisPort: number;
  readonly port?: number;
  readonly token?: string;
}): Promise<UpstashRest> {
  const token = options.token ?? crypto.randomUUID();
  const readOnlyToken = crypto.randomUUID();
  const connect = (port: number) => {
    const client = new Redis({
      port,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      retryStrategy: () => 50,
    });
    client.on("error", () => {});
    return client;
  };
  let redis = connect(options.redisPort);
  const faults: Faults = { ...NO_FAULTS };
  const log: string[] = [];
  let requests = 0;
  let lastHeaders = new Headers();

  async function run(command: readonly unknown[], mayWrite: boolean): Promise<unknown> {
    const [name = "", ...args] = command.map(String);
    log.push(name.toUpperCase());
    if (!mayWrite && WRITES.test(name)) {
      return { error: `NOPERM this user has no permissions to run the '${name}' command` };
    }
    try {
      return { result: await redis.call(name, ...args) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }

  async function answer(request: Request): Promise<Response> {
    requests++;
    lastHeaders = request.headers;
    const given = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    if (given !== token && given !== readOnlyToken) {
      return Response.json({ error: "WRONGPASS invalid or missing auth token" }, { status: 401 });
    }
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/subscribe/")) {
      await request.body?.cancel();
      return subscribe(decodeURIComponent(pathname.slice("/subscribe/".length)));
    }
    const body: unknown = await request.json();
    const active = faults.times > 0;
    if (active && (faults.drop || faults.cutAfterCommit || faults.status !== null)) faults.times--;
    if (active && faults.delayMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, faults.delayMs));
    }
    if (active && faults.drop) throw new Error("dropped");
    if (active && faults.status !== null) {
      return faults.status === 429
        ? Response.json({ error: "too many requests" }, { status: 429 })
        : new Response("Internal Server Error", { status: 500 });
    }
    if (redis.status !== "ready") {
      return Response.json({ error: "ERR the database is not reachable" }, { status: 502 });
    }
    const result = await dispatch(pathname, body, given === token);
    if (active && faults.cutAfterCommit) throw new Error("cut after commit");
    const encode = request.headers.get("upstash-encoding") === "base64";
    const failed = typeof result === "object" && result !== null && "error" in result;
    return Response.json(encode ? encoded(result) : result, { status: failed ? 400 : 200 });
  }

  const open = new Set<() => void>();
  let refusesStreams = false;

  /** `SUBSCRIBE` answers with lines `data: message,<channel>,<payload>`. */
  function subscribe(channel: string): Response {
    if (refusesStreams) throw new Error("refused");
    const encoder = new TextEncoder();
    const subscriber = redis.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null });
    subscriber.on("error", () => {});
    let end = () => {};
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        const say = (kind: string, payload: unknown) => {
          if (!open.has(end)) return;
          controller.enqueue(encoder.encode(`data: ${kind},${channel},${payload}\n\n`));
        };
        end = () => {
          if (!open.delete(end)) return;
          subscriber.disconnect();
          try {
            controller.error(new Error("cut"));
          } catch {
            // It has ended by itself.
          }
        };
        open.add(end);
        subscriber.on("message", (_channel, payload) => say("message", payload));
        subscriber.subscribe(channel).then((count) => say("subscribe", count), end);
      },
      cancel: () => end(),
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  async function dispatch(path: string, body: unknown, mayWrite: boolean): Promise<unknown> {
    if (!Array.isArray(body)) return { error: "ERR a command is a JSON array" };
    switch (path) {
      case "/":
        return await run(body, mayWrite);
      case "/pipeline":
        return await Promise.all(body.map((command: unknown[]) => run(command, mayWrite)));
      case "/multi-exec": {
        const results = await redis.multi(body as string[][]).exec();
        return results?.map(([error, result]) =>
          error === null ? { result } : { error: error.message }
        );
      }
      default:
        return { error: `ERR unknown path ${path}` };
    }
  }

  const server = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: options.port ?? 0,
      onListen() {},
      // A stream that fails at once breaks the connection off, as a bad network does.
      onError: () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.error(new Error("broken off"));
            },
          }),
        ),
    },
    answer,
  );
  const rest: UpstashRest = {
    url: `http://127.0.0.1:${server.addr.port}`,
    token,
    readOnlyToken,
    faults,
    requests: () => requests,
    commands: () => log,
    lastHeaders: () => lastHeaders,
    retarget(port) {
      redis.disconnect();
      redis = connect(port);
      rest.cutStreams(false);
    },
    cutStreams(refuse) {
      refusesStreams = refuse;
      for (const end of [...open]) end();
    },
    streams: () => open.size,
    async stop() {
      Object.assign(faults, NO_FAULTS);
      rest.cutStreams(true);
      await server.shutdown();
      redis.disconnect();
    },
  };
  return new Promise((resolve, reject) => {
    redis.once("ready", () => resolve(rest));
    redis.once("end", () => reject(new Error("the Redis is not reachable")));
  });
}

/** Strings of a response in base64, as the client asks for by default. */
function encoded(value: unknown): unknown {
  if (typeof value === "string") {
    return value === "OK" ? value : new TextEncoder().encode(value).toBase64();
  }
  if (Array.isArray(value)) return value.map(encoded);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [key, key === "error" ? part : encoded(part)]),
    );
  }
  return value;
}

if (import.meta.main) {
  const given = Deno.env.get("REDIS_PORT");
  const port = given === undefined ? (await startRedis()).port : Number(given);
  const rest = await startUpstashRest({ redisPort: port, port: 8079, token: "development" });
  Deno.stdout.writeSync(new TextEncoder().encode(
    `An Upstash-compatible endpoint over the Redis on port ${port}. For the gateway:\n\n` +
      `export UPSTASH_REDIS_REST_URL=${rest.url}\nexport UPSTASH_REDIS_REST_TOKEN=${rest.token}\n`,
  ));
}
