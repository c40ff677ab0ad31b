/**
 * A gateway on a test stand: a raw backend behind it, a login endpoint beside
 * it, a client on a bare socket in front. Its origin is https, as in
 * production behind a TLS terminator, so that cookies have their `__Host-` names.
 *
 * @module
 */
import assert from "node:assert/strict";
import { PEOPLE, type Person } from "./backend.ts";
import { denoHarness, type GatewayHarness, type GatewayProcess } from "./gateway_process.ts";
import { type RawUpstream, startRawUpstream } from "./raw_upstream.ts";
import { exchange, openWire, type WireAnswer, wireBytes, type WireConnection } from "./wire.ts";
import type { WireRequest } from "./wire.ts";
import { workerdHarness } from "./workerd.ts";

/** The host name that the gateways of the stands are known by. */
export const HOST = "app.example.com";
/** Their origin. */
export const ORIGIN = `https://${HOST}`;

/** Both runtimes. */
export const RUNTIMES: readonly GatewayHarness[] = [denoHarness, workerdHarness];

/** Somebody's session. */
export interface SignedIn {
  readonly access: string;
  readonly refresh: string;
  readonly csrf: string;
  readonly sid: string;
  /** A header line with the access cookie alone. */
  readonly cookie: string;
  /** A header line with all three cookies. */
  readonly cookies: string;
  /** `Authorization: Bearer …` */
  readonly bearer: string;
  /** Header lines of an unsafe request of our own page. */
  readonly unsafe: readonly string[];
}

/** The existing login endpoint that the gateway asks. */
export interface LoginEndpoint {
  readonly url: string;
  /** Whom it was asked about, in order. */
  readonly asked: { readonly username: string; readonly password: string }[];
  /** Answers otherwise than from {@link PEOPLE}; `null` falls through. */
  answer(
    how: (username: string, password: string) => Promise<Response | null> | Response | null,
  ): void;
  stop(): Promise<void>;
}

/** A stand. */
export interface Stand {
  readonly name: string;
  readonly gateway: GatewayProcess;
  readonly port: number;
  readonly upstream: RawUpstream;
  readonly login: LoginEndpoint;
  /** Sends one request on a connection of its own. */
  send(request: WireRequest | string, limitMs?: number): Promise<WireAnswer>;
  get(target: string, headers?: readonly string[]): Promise<WireAnswer>;
  open(): Promise<WireConnection>;
  /** The bytes of a request to this gateway. */
  bytes(request: WireRequest): string;
  /** Signs in by the cookie transport, from an address of its own where those are believed. */
  signIn(person?: Person, headers?: readonly string[]): Promise<SignedIn>;
  /** Audit events and access lines so far: the lines of the log that are JSON. */
  events(): Record<string, unknown>[];
  stop(): Promise<void>;
}

/** How a stand differs from the usual one. */
export interface StandOptions {
  /** Settings of `postern.json` in place of those of {@link usualConfig}. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** More settings of the upstream `app`. */
  readonly app?: Readonly<Record<string, unknown>>;
  /** Further upstreams, by name. */
  readonly upstreams?: Readonly<Record<string, unknown>>;
  readonly routes?: readonly Readonly<Record<string, unknown>>[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What is open, what needs a scope, and the rest, which needs a session. */
export const USUAL_ROUTES = [
  { path: "/public/*", upstream: "app", auth: "none" },
  { path: "/admin/*", upstream: "app", require: { scope: ["admin"] } },
  { path: "/*", upstream: "app" },
];

/** Starts a gateway of one runtime with all that it needs. */
export async function startStand(
  harness: GatewayHarness,
  options: StandOptions = {},
): Promise<Stand> {
  const upstream = await startRawUpstream();
  const login = startLoginEndpoint();
  const store = await harness.store();
  const ends = [() => upstream.stop(), () => login.stop(), () => store.stop()];
  const stopAll = async () => {
    for (const end of ends) await end();
  };
  let gateway: GatewayProcess;
  try {
    gateway = await harness.start({
      config: {
        ...usualConfig(upstream.url, login.url),
        store: store.config,
        upstreams: {
          app: { targets: [upstream.url], ...options.app },
          ...options.upstreams,
        },
        routes: options.routes ?? USUAL_ROUTES,
        ...options.config,
      },
      env: { ...store.env, ...options.env },
    });
  } catch (error) {
    await stopAll();
    throw error;
  }
  const { port } = gateway;
  const send = (request: WireRequest | string, limitMs?: number) =>
    exchange(port, request, { host: HOST, ...(limitMs === undefined ? {} : { limitMs }) });

  return {
    name: harness.name,
    gateway,
    port,
    upstream,
    login,
    send,
    get: (target, headers = []) => send({ target, headers }),
    open: () => openWire(port),
    bytes: (request) => wireBytes(request, HOST),
    signIn: (person = "bob", headers = []) => signIn(send, person, headers),
    events: () => eventsIn(gateway.logs()),
    async stop() {
      await gateway.stop();
      await stopAll();
    },
  };
}

/** The configuration of a stand, its store and its routes aside. */
export function usualConfig(upstreamUrl: string, loginUrl: string): Record<string, unknown> {
  return {
    origin: ORIGIN,
    identity: {
      kind: "upstream",
      url: loginUrl,
      subject: "/user/id",
      claims: { scope: "/user/permissions" },
    },
    upstreams: { app: { targets: [upstreamUrl] } },
    routes: USUAL_ROUTES,
    log: { access: true },
  };
}

async function signIn(
  send: (request: WireRequest) => Promise<WireAnswer>,
  person: Person,
  headers: readonly string[],
): Promise<SignedIn> {
  const answer = await send({
    method: "POST",
    target: "/auth/login",
    headers: ["Content-Type: application/json", `Origin: ${ORIGIN}`, ...headers],
    body: JSON.stringify({ username: person, password: PEOPLE[person].password }),
  });
  assert.equal(answer.status, 200, answer.raw);
  return sessionOf(answer);
}

/** The session that an answer with cookies opens. */
export function sessionOf(answer: WireAnswer): SignedIn {
  const cookies = answer.all("set-cookie").map((line) => line.split(";", 1)[0] ?? "");
  const value = (name: string) => {
    const pair = cookies.find((cookie) => cookie.startsWith(`__Host-postern-${name}=`));
    assert.ok(pair !== undefined, `no ${name} cookie in ${answer.raw}`);
    return pair.slice(pair.indexOf("=") + 1);
  };
  const [access, refresh, csrf] = [value("access"), value("refresh"), value("csrf")];
  const all = ["access", "refresh", "csrf"]
    .map((name) => `__Host-postern-${name}=${value(name)}`).join("; ");
  return {
    access,
    refresh,
    csrf,
    sid: answer.text.startsWith("{") ? JSON.parse(answer.text).sid : "",
    cookie: `Cookie: __Host-postern-access=${access}`,
    cookies: `Cookie: ${all}`,
    bearer: `Authorization: Bearer ${access}`,
    unsafe: [`Cookie: ${all}`, `X-CSRF-Token: ${csrf}`, `Origin: ${ORIGIN}`],
  };
}

/** Starts a login endpoint that knows {@link PEOPLE}. */
export function startLoginEndpoint(): LoginEndpoint {
  const asked: LoginEndpoint["asked"] = [];
  let how: Parameters<LoginEndpoint["answer"]>[0] = () => null;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { username, password } = await request.json();
      asked.push({ username, password });
      const own = await how(username, password);
      if (own !== null) return own;
      const person = Object.hasOwn(PEOPLE, username) ? PEOPLE[username as Person] : null;
      if (person === null || person.password !== password) {
        return Response.json({ detail: "no" }, { status: 401 });
      }
      const { id, permissions, email } = person;
      return Response.json({ user: { id, permissions, email } });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/login`,
    asked,
    answer(next) {
      how = next;
    },
    stop: () => server.shutdown(),
  };
}

/** The lines of a log that are JSON. */
export function eventsIn(log: string): Record<string, unknown>[] {
  return log.split("\n").filter((line) => line.startsWith("{")).flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}

/** Registers one test for each runtime; behaviours are its steps, on one stand. */
export function onEachRuntime(
  theme: string,
  options: StandOptions | ((harness: GatewayHarness) => StandOptions),
  steps: (
    stand: Stand,
    step: (behaviour: string, body: () => Promise<void>) => Promise<void>,
  ) => Promise<void>,
  runtimes: readonly GatewayHarness[] = RUNTIMES,
): void {
  for (const harness of runtimes) {
    Deno.test({
      name: `${harness.name}: ${theme}`,
      // Connections of a client's pool may outlive a test.
      sanitizeResources: false,
      sanitizeOps: false,
      async fn(t) {
        const chosen = typeof options === "function" ? options(harness) : options;
        const stand = await startStand(harness, chosen);
        try {
          await steps(stand, async (behaviour, body) => {
            await t.step({
              name: behaviour,
              fn: body,
              sanitizeResources: false,
              sanitizeOps: false,
            });
          });
        } finally {
          await stand.stop();
        }
      },
    });
  }
}
