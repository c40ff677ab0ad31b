/**
 * Memory over time (`deno task bench:soak [minutes]`): load with ever new
 * sessions and tokens, the resident memory printed each half minute.
 *
 * @module
 */
import { layGround, postern } from "./contenders.ts";
import { load } from "./load.ts";

const MINUTES = Number(Deno.args[0] ?? 10);
const STEP_SECONDS = 30;

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const ground = await layGround();
const { running, headers, tokens } = await postern(ground, {
  name: "Postern",
  store: "sqlite",
  cold: true,
});
try {
  print("| minute | requests/s | resident MiB | failures |\n| ---: | ---: | ---: | ---: |");
  for (let second = 0; second < MINUTES * 60; second += STEP_SECONDS) {
    const seen = await load({
      url: running.url,
      headers,
      seconds: STEP_SECONDS,
      connections: 32,
      ...(tokens === undefined ? {} : { tokens }),
    });
    print(
      `| ${((second + STEP_SECONDS) / 60).toFixed(1)} | ${seen.requestsPerSecond.toFixed(0)} | ${
        running.residentMiB().toFixed(0)
      } | ${seen.failures} |`,
    );
  }
} finally {
  await running.stop();
  await ground.stop();
}
