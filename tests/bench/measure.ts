/**
 * Rounds of load on several contenders, interleaved, and their table.
 *
 * @module
 */
import type { Contender } from "./contenders.ts";
import { load, median, type Round } from "./load.ts";

const CONNECTIONS = 32;

/** How much load. */
export interface Rounds {
  readonly rounds: number;
  readonly seconds: number;
}

interface Result {
  readonly contender: Contender;
  readonly rounds: Round[];
  cpuSeconds: number;
  requests: number;
}

/** Loads one after the other, round by round; the first round warms up and is not counted. */
async function measure(contenders: readonly Contender[], rounds: Rounds): Promise<Result[]> {
  const results = contenders.map((contender): Result => ({
    contender,
    rounds: [],
    cpuSeconds: 0,
    requests: 0,
  }));
  for (let round = -1; round < rounds.rounds; round++) {
    for (const result of results) {
      const { running, headers, tokens } = result.contender;
      const before = running.cpuSeconds();
      const seen = await load({
        url: running.url,
        headers,
        seconds: rounds.seconds,
        connections: CONNECTIONS,
        ...(tokens === undefined ? {} : { tokens }),
      });
      if (seen.failures > 0) {
        throw new Error(`${running.name}: ${seen.failures} of ${seen.requests} requests failed`);
      }
      if (round < 0) continue;
      result.rounds.push(seen);
      result.cpuSeconds += running.cpuSeconds() - before;
      result.requests += seen.requests;
    }
  }
  return results;
}

/** Writes a line of the report. */
export function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function table(results: readonly Result[]): void {
  const [base] = results;
  if (base === undefined) return;
  const middle = (result: Result, pick: (round: Round) => number) =>
    median(result.rounds.map(pick));
  const baseline = middle(base, (round) => round.requestsPerSecond);
  const baselineP99 = middle(base, (round) => round.p99Ms);
  const rateOf = (part: string) => {
    const named = results.find(({ contender }) => contender.running.name.includes(part));
    return named === undefined ? NaN : middle(named, (round) => round.requestsPerSecond);
  };
  const [undici, handWritten] = [rateOf("undici"), rateOf("hand-written")];
  const ratio = (rate: number) => Number.isNaN(rate) ? "" : rate.toFixed(2);
  print(
    "| | requests/s | of bare | of undici | of hand-written | p50 ms | p99 ms | p99 of bare | " +
      "CPU s / 10,000 | peak MiB |",
  );
  print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const result of results) {
    const perSecond = middle(result, (round) => round.requestsPerSecond);
    const p99 = middle(result, (round) => round.p99Ms);
    print(
      `| ${
        [
          result.contender.running.name,
          Math.round(perSecond).toLocaleString("en"),
          (perSecond / baseline).toFixed(2),
          ratio(perSecond / undici),
          ratio(perSecond / handWritten),
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

/** Measures and prints. The first contender is what the others are compared with. */
export async function compare(contenders: readonly Contender[], rounds: Rounds): Promise<void> {
  print(
    `${rounds.rounds} interleaved rounds of ${rounds.seconds} s, ${CONNECTIONS} connections, medians:\n`,
  );
  table(await measure(contenders, rounds));
}
