/**
 * What a request costs as things grow (`deno task bench:growth`): routes, the
 * blacklist and live tokens inside the process, connections and bodies from outside.
 *
 * @module
 */
import { systemClock } from "../../src/base/clock.ts";
import { compileRoutes } from "../../src/policy/routes.ts";
import { createRevocationView } from "../../src/sessions/revocation_view.ts";
import { createMemoryStore } from "../../src/store/memory/store.ts";
import { importKeyRing } from "../../src/tokens/key_ring.ts";
import { createTokenVerifier } from "../../src/tokens/verify.ts";
import { bare, layGround, postern } from "./contenders.ts";
import { load, median } from "./load.ts";
import { keySet, mintTokens, ORIGIN } from "./tokens.ts";

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Nanoseconds of one call: the median of 15 rounds. */
function nanoseconds(run: (turn: number) => void): number {
  const turns = 50_000;
  return median(Array.from({ length: 15 }, () => {
    const beganAtMs = performance.now();
    for (let turn = 0; turn < turns; turn++) run(turn);
    return (performance.now() - beganAtMs) * 1e6 / turns;
  }));
}

print("| what grows | to | ns per request |\n| --- | ---: | ---: |");
for (const count of [10, 100, 1_000, 10_000]) {
  const table = compileRoutes([
    ...Array.from({ length: count }, (_, index) => ({
      path: `/service-${index}/things/*`,
      policyKey: String(index % 7),
      value: index,
    })),
    { path: "/*", policyKey: "rest", value: -1 },
  ]);
  const paths = Array.from({ length: count }, (_, index) => `/service-${index}/things/42`);
  const cost = nanoseconds((turn) =>
    void table.match({
      method: "GET",
      authority: "localhost",
      target: { path: paths[turn % count] ?? "", search: "", readings: null },
    })
  );
  print(`| routes | ${count.toLocaleString("en")} | ${cost.toFixed(0)} |`);
}

for (const count of [0, 1_000, 100_000, 1_000_000]) {
  const view = createRevocationView({
    store: createMemoryStore({}),
    clock: systemClock,
    pollIntervalMs: 60_000,
    maxStalenessMs: 120_000,
  });
  await view.ensureFresh(() => {});
  const untilMs = Date.now() + 3_600_000;
  for (let index = 0; index < count; index++) {
    view.apply({ kind: "session", sid: crypto.randomUUID(), untilMs });
  }
  const token = {
    sid: "01900000-0000-7000-8000-000000000000",
    jti: "x",
    groups: ["ada", "provider"],
    sessionCreatedAtMs: Date.now(),
  };
  const cost = nanoseconds(() => {
    view.ensureFresh(() => {});
    view.isRevoked(token);
  });
  print(`| blacklist entries | ${count.toLocaleString("en")} | ${cost.toFixed(0)} |`);
}

for (const count of [1, 1_000, 20_000, 100_000]) {
  const keys = await keySet("HS256");
  const tokens = await mintTokens(keys, count);
  const verifier = createTokenVerifier({
    keys: await importKeyRing(keys),
    rules: { issuer: ORIGIN, audience: ORIGIN, clockToleranceSeconds: 5, accessTtlSeconds: 86_400 },
    clock: systemClock,
  });
  const rounds = Math.max(1, Math.floor(100_000 / count));
  const costs: number[] = [];
  for (let turn = 0; turn <= 4; turn++) {
    const beganAtMs = performance.now();
    for (let round = 0; round < rounds; round++) {
      for (const token of tokens) await verifier.verify(token, "access");
    }
    if (turn > 0) costs.push((performance.now() - beganAtMs) * 1e6 / (rounds * count));
  }
  print(`| live tokens (HS256) | ${count.toLocaleString("en")} | ${median(costs).toFixed(0)} |`);
}

const ground = await layGround();
const contenders = [
  await bare(ground),
  await postern(ground, { name: "Postern", store: "sqlite" }),
] as const;
try {
  print("\n| connections | bare requests/s | Postern | ratio |\n| ---: | ---: | ---: | ---: |");
  for (const connections of [1, 10, 100, 1_000]) {
    const rates: number[][] = [[], []];
    for (let round = 0; round < 5; round++) {
      for (const [index, { running, headers }] of contenders.entries()) {
        const seen = await load({ url: running.url, headers, seconds: 2, connections });
        rates[index]?.push(seen.requestsPerSecond);
      }
    }
    const [direct = NaN, through = NaN] = rates.map(median);
    print(
      `| ${connections.toLocaleString("en")} | ${direct.toFixed(0)} | ${through.toFixed(0)} | ${
        (through / direct).toFixed(2)
      } |`,
    );
  }
  print("\n| body | bare ms | Postern ms | ratio |\n| ---: | ---: | ---: | ---: |");
  for (const size of [0, 1_024, 102_400, 1_048_576, 10_485_760]) {
    const body = new Uint8Array(size);
    const times: number[][] = [[], []];
    for (let round = 0; round < 30; round++) {
      for (const [index, { running, headers }] of contenders.entries()) {
        const beganAtMs = performance.now();
        await (await fetch(running.url, { method: "POST", headers: { ...headers }, body })).text();
        times[index]?.push(performance.now() - beganAtMs);
      }
    }
    const [direct = NaN, through = NaN] = times.map(median);
    print(
      `| ${size.toLocaleString("en")} | ${direct.toFixed(2)} | ${through.toFixed(2)} | ${
        (through / direct).toFixed(2)
      } |`,
    );
  }
} finally {
  for (const { running } of contenders) await running.stop();
  await ground.stop();
}
