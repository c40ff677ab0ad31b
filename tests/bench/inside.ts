/**
 * What the gateway itself takes of a request (`deno task bench:inside`): everything from the
 * runtime's `Request` to its `Response`, with an upstream that has answered at once and no
 * socket anywhere. What is switched off has to cost nothing.
 *
 * @module
 */
import { systemClock } from "../../src/base/clock.ts";
import { parseConfig } from "../../src/config/load.ts";
import { createCore } from "../../src/gateway/core.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { createIdentitySource } from "../../src/identity/source.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { createPromMeter } from "../../src/telemetry/prom_meter.ts";
import { importKeyRing } from "../../src/tokens/key_ring.ts";
import type { Transports } from "../../src/upstream/transport.ts";
import { median } from "./load.ts";
import { keySet, mintTokens, ORIGIN } from "./tokens.ts";

const REQUESTS = 2_000;
/** At a time, as under load. */
const CROWD = 20;

const keys = await keySet("ES256");
const ring = await importKeyRing(keys);
const [token = ""] = await mintTokens(keys, 1);
const body = new TextEncoder().encode('{"hello":"world"}');
const lines: [string, string][] = [
  ["content-type", "application/json"],
  ["content-length", String(body.length)],
  ["vary", "Accept-Encoding"],
  ["date", new Date().toUTCString()],
];

/** Answers before anybody has asked. */
const answered: Transports = {
  open: () => ({
    send: () => ({
      headed: Promise.resolve(),
      answer: () => ({
        status: 200,
        headers: lines.map(([name, value]) => [name, value]),
        body,
        connection: null,
      }),
      abort() {},
      hurry() {},
    }),
  }),
  acceptWebSocket: () => {
    throw new Error("nobody opens one here");
  },
  refusals: () => [],
  isolatesRequests: false,
};

const BEARER = { authorization: `Bearer ${token}` };
const COOKIE = { cookie: `theme=dark; postern-access=${token}` };

/** A way to set the gateway up, and who asks. */
interface Row {
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly assertion?: boolean;
}

const ROWS: readonly Row[] = [
  { name: "Bearer", settings: {}, headers: BEARER },
  { name: "cookie", settings: {}, headers: COOKIE },
  { name: "with an assertion", settings: {}, headers: BEARER, assertion: true },
  { name: "Bearer, dpop on", settings: { dpop: {} }, headers: BEARER },
  {
    name: "Bearer, deviceBinding on",
    settings: { deviceBinding: "offer" },
    headers: BEARER,
  },
  {
    name: "cookie, deviceBinding on",
    settings: { deviceBinding: "offer" },
    headers: COOKIE,
  },
];

/** One round: microseconds of a request. */
type Measure = () => Promise<number>;

function prepare({ settings, headers, assertion }: Row): Measure {
  const config = parseConfig({
    origin: ORIGIN,
    identity: { kind: "demo" },
    store: { kind: "memory" },
    upstreams: { app: { targets: ["http://127.0.0.1:9"], assertion: assertion ?? false } },
    routes: [{ path: "/*", upstream: "app" }],
    ...settings,
  }, "dev");
  const core = createCore({
    store: createMemoryStore({}),
    keys: ring,
    clock: systemClock,
    events() {},
    isolatesRequests: false,
    meter: createPromMeter(),
  }, config);
  const gateway = createGateway(core, config, {
    identity: createIdentitySource(config.identity, { fetch }),
    transports: answered,
  });
  const connection = { remoteAddress: "127.0.0.1", waitUntil() {} };
  const ask = async (request: Request) => {
    const { status } = await gateway.fetch(request, connection);
    if (status !== 200) throw new Error(`answered ${status}`);
  };
  return async function measure() {
    const requests = Array.from(
      { length: REQUESTS },
      () =>
        new Request(`${ORIGIN}/things/42?page=2`, {
          headers: { host: new URL(ORIGIN).host, accept: "*/*", ...headers },
        }),
    );
    const beganAtMs = performance.now();
    for (let at = 0; at < REQUESTS; at += CROWD) {
      await Promise.all(requests.slice(at, at + CROWD).map(ask));
    }
    return (performance.now() - beganAtMs) * 1000 / REQUESTS;
  };
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** A row in a process of its own, so that none makes the code of another slower; a round for each byte. */
async function serve(row: Row): Promise<void> {
  const measure = prepare(row);
  for await (const _ of Deno.stdin.readable) print(String(await measure()));
}

/** Starts a row; what it returns measures one round. */
function start({ name }: Row): { measure: Measure; stop(): void } {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL(import.meta.url).pathname, "row", name],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const asked = child.stdin.getWriter();
  const told = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  return {
    async measure() {
      await asked.write(new Uint8Array(1));
      return Number((await told.read()).value);
    },
    stop: () => child.kill(),
  };
}

async function main(roundCount: number): Promise<void> {
  const measured = ROWS.map((row) => ({ name: row.name, row: start(row), rounds: [] as number[] }));
  for (let round = 0; round < roundCount; round++) {
    for (const { row, rounds } of measured) rounds.push(await row.measure());
  }
  const [first] = measured;
  print("| µs inside the gateway | least | median | of the first |\n| --- | ---: | ---: | ---: |");
  for (const { name, row, rounds } of measured) {
    const least = Math.min(...rounds);
    const ratio = least / Math.min(...first?.rounds ?? rounds);
    print(`| ${name} | ${least.toFixed(1)} | ${median(rounds).toFixed(1)} | ${ratio.toFixed(2)} |`);
    row.stop();
  }
}

const [command, name] = Deno.args;
const row = ROWS.find((each) => each.name === name);
if (command === "row" && row !== undefined) await serve(row);
else await main(Number(command ?? 100));
