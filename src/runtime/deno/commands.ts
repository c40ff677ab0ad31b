/**
 * What can be asked for on the command line:
 *
 *     deno task dev      the demo, or a gateway in front of POSTERN_UPSTREAM
 *     deno task start    production
 *     deno task keys     prints a new private JWK set for POSTERN_KEYS
 *     deno task schema   prints the JSON Schema of postern.json
 *
 * @module
 */
import { configJsonSchema } from "../../config/json_schema.ts";
import { startProblems } from "../../gateway/start_problem.ts";
import { generateKeySet } from "../../tokens/key_ring.ts";
import { complain, print } from "./console.ts";
import { serve } from "./serve.ts";

async function main(args: readonly string[]): Promise<number> {
  switch (args[0]) {
    case "keys":
      print(JSON.stringify(await generateKeySet()));
      return 0;
    case "schema":
      print(JSON.stringify(configJsonSchema(), null, 2));
      return 0;
    case "dev":
      return await serve("dev");
    case "start":
      return await serve("production");
    default:
      complain("usage: main.ts dev | start | keys | schema");
      return 2;
  }
}

/**
 * Runs the command of the process's arguments and ends the process with its
 * code; a refused start says line by line what has to be set.
 */
export async function run(): Promise<never> {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    const problems = error instanceof Deno.errors.AddrInUse
      ? [error.message]
      : startProblems(error);
    if (problems === null) throw error;
    complain("Postern does not start:");
    for (const problem of problems) complain(`  ${problem}`);
    Deno.exit(1);
  }
}
