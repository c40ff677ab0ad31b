/**
 * The benchmark of the proxied request: `deno task bench [rounds] [seconds]`.
 * Rounds are interleaved, so that a noisy moment of the machine hits everybody;
 * ratios of medians are what to quote.
 *
 * @module
 */
import {
  bare,
  type Contender,
  handWritten,
  haproxy,
  layGround,
  nginx,
  postern,
} from "./contenders.ts";
import { load, median, type Round } from "./load.ts";

const ROUNDS = Number(Deno.args[0] ?? 7);
const SECONDS = Number(Deno.args[1] ?? 2);
const CONNECTIONS = 32;

interface Result {
  readonly contender: Contender;
  readonly rounds: Round[];
  cpuSeconds: number;
  requests: number;
}

async function measure(contenders: readonly Contender[]): Promise<Result[]> {
  const results = contenders.map((contender): Result => ({
    contender,
    rounds: [],
    cpuSeconds: 0,
    requests: 0,
  }));
  for (let round = -1; round < ROUNDS; round++) {
    for (const result of results) {
      const { running, headers, tokens } = result.contender;
      const before = running.cpuSeconds();
      const seen = await load({
        url: running.url,
        headers,
        seconds: SECONDS,
        connections: CONNECTIONS,
        ...(tokens === undefined ? {} : { tokens }),
      });
      if (seen.failures > 0) {
        throw new Error(`${running.name}: ${seen.failures} of ${seen.requests} requests failed`);
      }
      // The first round warms up.
      if (round < 0) continue;
      result.rounds.push(seen);
      result.cpuSeconds += running.cpuSeconds() - before;
      result.requests += seen.requests;
    }
  }
  return results;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function table(results: readonly Result[]): void {
  const [base] = results;
  if (base === undefined) return;
  const middle = (result: Result, pick: (round: Round) => number) =>
    median(result.rounds.map(pick));
  const baseline = middle(base, (round) => round.requestsPerSecond);
  const baselineP99 = middle(base, (round) => round.p99Ms);
  print("| | requests/s | of bare | p50 ms | p99 ms | p99 of bare | CPU s / 10,000 | peak MiB |");
  print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const result of results) {
    const perSecond = middle(result, (round) => round.requestsPerSecond);
    const p99 = middle(result, (round) => round.p99Ms);
    print(
      `| ${
        [
          result.contender.running.name,
          Math.round(perSecond).toLocaleString("en"),
          (perSecond / baseline).toFixed(2),
          middle(result, (round) => round.p50Ms).toFixed(2),
          p99.toFixed(2),
          (p99 / baselineP99).toFixed(2),
          (result.cpuSeconds / result.requests * 10_000).toFixed(2),
          result.contender.running.peakMiB().toFixed(0),
        ].join(" | ")
      } |`,
    );
  }
}

const ground = await layGround();
const contenders: Contender[] = [];
try {
  contenders.push(
    await bare(ground),
    await postern(ground, { name: "**Postern**, Upstash, ES256, Bearer" }),
    await postern(ground, { name: "Postern, SQLite", store: "sqlite" }),
    await postern(ground, { name: "Postern, memory", store: "memory" }),
    await postern(ground, { name: "Postern, HS256", algorithm: "HS256" }),
    await postern(ground, { name: "Postern, EdDSA", algorithm: "EdDSA" }),
    await postern(ground, { name: "Postern, RS256", algorithm: "RS256" }),
    await postern(ground, { name: "Postern, cookie", credential: "cookie" }),
    await postern(ground, { name: "Postern, with assertion", assertion: true }),
    await postern(ground, { name: "Postern, access log on", accessLog: true }),
    await postern(ground, { name: "Postern, cold ES256 tokens", cold: true }),
    await postern(ground, { name: "Postern, cold EdDSA tokens", cold: true, algorithm: "EdDSA" }),
    await postern(ground, { name: "Postern, strict route", strict: true }),
    await handWritten(ground),
  );
  for (const peer of [await haproxy(ground), await nginx(ground)]) {
    if (peer !== null) contenders.push(peer);
  }
  print(`${ROUNDS} interleaved rounds of ${SECONDS} s, ${CONNECTIONS} connections, medians:\n`);
  table(await measure(contenders));
} finally {
  for (const { running } of contenders) await running.stop();
  await ground.stop();
}
