/**
 * A gateway in this process, served on a real port, with every port of the
 * house at hand.
 *
 * @module
 */
import { parseConfig } from "../../src/config/load.ts";
import { createCore } from "../../src/gateway/core.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import type { IdentitySource } from "../../src/identity/port.ts";
import { createIdentitySource } from "../../src/identity/source.ts";
import { createBackground } from "../../src/runtime/deno/background.ts";
import { hiddenBody } from "../../src/runtime/deno/hidden_body.ts";
import { connectionOf } from "../../src/runtime/deno/instance.ts";
import { createDenoTransports } from "../../src/runtime/deno/transport.ts";
import type { UpstreamPem } from "../../src/runtime/deno/undici_transport.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import type { SessionStore } from "../../src/store/port.ts";
import type { AuditEvent, EventContext } from "../../src/telemetry/events.ts";
import { generateKeySet, importKeyRing } from "../../src/tokens/key_ring.ts";
import type { KeyRing } from "../../src/tokens/key_ring.ts";
import { importLegacyKey } from "../../src/tokens/legacy.ts";
import { createTestClock } from "./clock.ts";
import type { TestClock } from "./clock.ts";
import { freePort } from "./ports.ts";

/** One key ring serves all tests of a process: generating keys is slow. */
let sharedKeys: Promise<{ json: string; ring: KeyRing }> | undefined;

/** The key ring of the tests, as JSON and imported. */
export function testKeys(): Promise<{ json: string; ring: KeyRing }> {
  return sharedKeys ??= (async () => {
    const json = JSON.stringify(await generateKeySet());
    return { json, ring: await importKeyRing(json) };
  })();
}

/** A gateway under test. */
export interface TestGateway {
  readonly url: string;
  readonly clock: TestClock;
  readonly store: SessionStore;
  readonly keys: KeyRing;
  readonly events: { readonly event: AuditEvent; readonly context: EventContext }[];
  stop(): Promise<void>;
}

/** Options of {@link startGateway}; what is absent is the demo's. */
export interface TestGatewayOptions {
  /** Further settings of `postern.json`, put over the defaults. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly upstream?: string;
  /** What the configuration points to. */
  readonly secrets?: Parameters<typeof parseConfig>[2];
  readonly identity?: IdentitySource;
  /** POSTERN_LEGACY_KEY */
  readonly legacyKey?: string;
  readonly store?: SessionStore;
  readonly keys?: KeyRing;
  readonly clock?: TestClock;
  readonly port?: number;
  /** Serves https, with an https origin. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Certificates for upstreams, by name. */
  readonly pem?: ReadonlyMap<string, UpstreamPem>;
}

/** Starts a gateway; by default with the memory store, the demo user and one protected upstream. */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const port = options.port ?? freePort();
  const url = `${options.tls === undefined ? "http" : "https"}://localhost:${port}`;
  const clock = options.clock ?? createTestClock();
  const store = options.store ?? createMemoryStore({ clock });
  const keys = options.keys ?? (await testKeys()).ring;
  const events: TestGateway["events"] = [];
  const settings = {
    origin: url,
    identity: { kind: "demo" },
    store: { kind: "memory" },
    upstreams: { app: { targets: [options.upstream ?? "http://127.0.0.1:9"], assertion: true } },
    routes: [
      { path: "/public/*", upstream: "app", auth: "none" },
      { path: "/admin/*", upstream: "app", require: { scope: ["admin"] } },
      { path: "/strict/*", upstream: "app", revocation: "strict" },
      { path: "/transparent/*", upstream: "app", refresh: "transparent" },
      { path: "/*", upstream: "app" },
    ],
    ...options.config,
  };
  // What is set to undefined is left out.
  const config = parseConfig(JSON.parse(JSON.stringify(settings)), "dev", options.secrets);
  const core = createCore({
    store,
    keys,
    clock,
    events: (event, context) => events.push({ event, context }),
    isolatesRequests: false,
  }, config);
  const gateway = createGateway(core, config, {
    identity: options.identity ?? createIdentitySource(config.identity, { fetch }),
    legacyKey: config.tokens.legacy &&
      await importLegacyKey(config.tokens.legacy, options.legacyKey),
    transports: createDenoTransports(options.pem),
    hiddenBody,
    background: createBackground(),
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port, onListen() {}, ...options.tls },
    async (request, info) => {
      const waitUntil = (work: Promise<unknown>) => void work.catch(() => {});
      const response = await gateway.fetch(request, connectionOf(info, waitUntil));
      // A server's clock is what its Date says.
      if (response.headers.has("x-frame-options")) {
        response.headers.set("date", new Date(clock()).toUTCString());
      }
      return response;
    },
  );
  return {
    url,
    clock,
    store,
    keys,
    events,
    async stop() {
      gateway.close();
      await server.shutdown();
      if (options.store === undefined) await store.close();
    },
  };
}
