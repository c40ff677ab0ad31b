/**
 * Everybody who is measured: how to start them and what to ask them with.
 *
 * @module
 */
import { freePort } from "../support/ports.ts";
import { startRedis } from "../support/redis.ts";
import { startUpstashRest } from "../support/upstash_rest.ts";
import { type Running, start } from "./process.ts";
import { type Algorithm, keySet, mintTokens, ORIGIN } from "./tokens.ts";

/** Somebody who is measured. */
export interface Contender {
  readonly running: Running;
  readonly headers: Readonly<Record<string, string>>;
  /** A file of tokens, each used once before any is used again. */
  readonly tokens?: string;
}

/** What the contenders stand on; `stop` ends all of it. */
export interface Ground {
  readonly upstream: Running;
  readonly upstash: { readonly url: string; readonly token: string };
  readonly folder: string;
  stop(): Promise<void>;
}

const ROOT = new URL("../../", import.meta.url).pathname;

/** Starts the backend, Redis and its REST endpoint. */
export async function layGround(): Promise<Ground> {
  const upstream = await startScript("upstream", "upstream.ts", {});
  const redis = await startRedis();
  const rest = await startUpstashRest({ redisPort: redis.port });
  const folder = await Deno.makeTempDir({ prefix: "postern-bench-" });
  return {
    upstream,
    upstash: rest,
    folder,
    async stop() {
      await upstream.stop();
      await rest.stop();
      await redis.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function startScript(
  name: string,
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<Running> {
  const port = freePort();
  return await start({
    name,
    url: `http://127.0.0.1:${port}/`,
    command: Deno.execPath(),
    args: ["run", "-A", "--no-check", `${ROOT}tests/bench/peers/${file}`],
    env: { ...env, PORT: String(port) },
    cwd: ROOT,
  });
}

/** A proxy that checks nothing: what everybody is held against. */
export const bare = (ground: Ground): Promise<Contender> =>
  passThrough(ground, "bare pass-through", "bare.ts");

/** The same over the HTTP client that Postern uses. */
export const bareUndici = (ground: Ground): Promise<Contender> =>
  passThrough(ground, "bare pass-through, undici", "bare_undici.ts");

/** The helper of the framework that Postern's own endpoints are written with. */
export const honoProxy = (ground: Ground): Promise<Contender> =>
  passThrough(ground, "hono/proxy (no check at all)", "hono_proxy.ts");

async function passThrough(ground: Ground, name: string, file: string): Promise<Contender> {
  const running = await startScript(name, file, { UPSTREAM: ground.upstream.url.slice(0, -1) });
  // With a header as long as the others': the bytes have to be read by all.
  const [token = ""] = await mintTokens(await keySet("ES256"), 1);
  return { running, headers: { authorization: `Bearer ${token}` } };
}

/** The gateway that one writes by hand. */
export async function handWritten(ground: Ground): Promise<Contender> {
  const { secret, token } = await sharedSecret();
  const running = await startScript("hand-written (Hono, Upstash per request)", "hand_written.ts", {
    UPSTREAM: ground.upstream.url.slice(0, -1),
    UPSTASH_REDIS_REST_URL: ground.upstash.url,
    UPSTASH_REDIS_REST_TOKEN: ground.upstash.token,
    SECRET: secret,
  });
  return { running, headers: { authorization: `Bearer ${token}` } };
}

/** A text that is a secret to everybody who takes one, and a token signed with it. */
async function sharedSecret(): Promise<{ readonly secret: string; readonly token: string }> {
  const secret = crypto.randomUUID() + crypto.randomUUID();
  const k = new TextEncoder().encode(secret).toBase64({ alphabet: "base64url", omitPadding: true });
  const keys = JSON.stringify({ keys: [{ kty: "oct", k, alg: "HS256", kid: "shared" }] });
  const [token = ""] = await mintTokens(keys, 1);
  return { secret, token };
}

/** How a Postern differs from the usual one. */
export interface PosternOptions {
  readonly name: string;
  readonly store?: "memory" | "sqlite" | "upstash";
  readonly algorithm?: Algorithm;
  readonly credential?: "bearer" | "cookie";
  /** So many tokens that none is remembered when it comes again. */
  readonly cold?: boolean;
  readonly assertion?: boolean;
  readonly accessLog?: boolean;
  readonly strict?: boolean;
  /** Threads on the port. */
  readonly workers?: number;
  readonly routes?: readonly Readonly<Record<string, unknown>>[];
  /** Further settings of `postern.json`. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** More than the verified-token cache remembers (two generations of 20,000). */
const COLD_TOKENS = 60_000;

/** A Postern and the keys it signs with. */
export interface PosternServer {
  readonly running: Running;
  /** Without a slash at the end. */
  readonly url: string;
  readonly keys: string;
  readonly folder: string;
}

/** Starts a Postern in front of the backend. */
export async function posternServer(
  ground: Ground,
  options: PosternOptions & { readonly login?: string },
): Promise<PosternServer> {
  const { store = "upstash", algorithm = "ES256" } = options;
  const port = freePort();
  const keys = await keySet(algorithm);
  const folder = await Deno.makeTempDir({ dir: ground.folder });
  const config = {
    origin: ORIGIN,
    workers: options.workers ?? 1,
    identity: {
      kind: "upstream",
      url: options.login ?? "http://127.0.0.1:9/login",
      subject: "/id",
    },
    store: store === "sqlite" ? { kind: store, path: `${folder}/postern.db` } : { kind: store },
    upstreams: {
      app: {
        targets: [ground.upstream.url.slice(0, -1)],
        assertion: options.assertion ?? false,
      },
    },
    routes: [
      ...(options.routes ?? []),
      {
        path: "/*",
        upstream: "app",
        ...(options.strict === true ? { revocation: "strict" } : {}),
      },
    ],
    log: { access: options.accessLog ?? false },
    ...options.settings,
  };
  const running = await start({
    name: options.name,
    url: `http://127.0.0.1:${port}/auth/healthz`,
    command: Deno.execPath(),
    // The memory store is for development only.
    args: ["run", "-A", "--no-check", "src/main.ts", store === "memory" ? "dev" : "start"],
    env: {
      POSTERN_CONFIG: JSON.stringify(config),
      POSTERN_KEYS: keys,
      POSTERN_PORT: String(port),
      POSTERN_ADMIN: "off",
      UPSTASH_REDIS_REST_URL: ground.upstash.url,
      UPSTASH_REDIS_REST_TOKEN: ground.upstash.token,
      POSTERN_PREFIX: crypto.randomUUID(),
    },
    cwd: ROOT,
  });
  return { running, url: `http://127.0.0.1:${port}`, keys, folder };
}

/** Postern itself, with a token to ask it with. */
export async function postern(ground: Ground, options: PosternOptions): Promise<Contender> {
  if (options.strict === true) return await strictPostern(ground, options);
  const { running, url, keys, folder } = await posternServer(ground, options);
  const target = { ...running, url: `${url}/` };
  if (options.cold === true) {
    const file = `${folder}/tokens`;
    const tokens = await mintTokens(keys, COLD_TOKENS);
    await Deno.writeTextFile(file, tokens.join("\n"));
    return { running: target, headers: {}, tokens: file };
  }
  const [token = ""] = await mintTokens(keys, 1);
  return {
    running: target,
    headers: options.credential === "cookie"
      ? { cookie: `postern-access=${token}` }
      : { authorization: `Bearer ${token}` },
  };
}

/** A strict route asks for the session, so that there has to be one. */
async function strictPostern(ground: Ground, options: PosternOptions): Promise<Contender> {
  const identity = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json({ id: "ada" }),
  );
  const login = `http://127.0.0.1:${identity.addr.port}/`;
  const { running, url } = await posternServer(ground, { ...options, login });
  const response = await fetch(`${url}/api/token/`, {
    method: "POST",
    body: new URLSearchParams({ username: "ada", password: "any" }),
  });
  await identity.shutdown();
  const { access } = await response.json();
  return {
    running: { ...running, url: `${url}/` },
    headers: { authorization: `Bearer ${access}` },
  };
}

/** HAProxy checking an HS256 token. */
export async function haproxy(ground: Ground): Promise<Contender> {
  const { secret, token } = await sharedSecret();
  const port = freePort();
  const file = `${ground.folder}/haproxy.cfg`;
  await Deno.writeTextFile(
    file,
    `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
  http-request set-var(txn.bearer) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_header_query('$.alg') -m str HS256 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify("HS256","${secret}") -m int 1 }
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request del-header authorization
  default_backend out
backend out
  server upstream ${new URL(ground.upstream.url).host}
`,
  );
  const running = await start({
    name: "HAProxy jwt_verify (HS256, no revocation)",
    url: `http://127.0.0.1:${port}/`,
    command: "/usr/sbin/haproxy",
    args: ["-db", "-f", file],
  });
  return { running, headers: { authorization: `Bearer ${token}` } };
}

/** nginx passing through without any check. */
export async function nginx(ground: Ground): Promise<Contender> {
  const port = freePort();
  const file = `${ground.folder}/nginx.conf`;
  await Deno.writeTextFile(
    file,
    `worker_processes 1;
daemon off;
pid ${ground.folder}/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${ground.folder};
  proxy_temp_path ${ground.folder};
  fastcgi_temp_path ${ground.folder};
  uwsgi_temp_path ${ground.folder};
  scgi_temp_path ${ground.folder};
  upstream app { server ${new URL(ground.upstream.url).host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 10000000;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`,
  );
  const running = await start({
    name: "nginx (no check at all)",
    url: `http://127.0.0.1:${port}/`,
    command: "/usr/sbin/nginx",
    args: ["-c", file],
  });
  return { running, headers: {} };
}
