/**
 * `audit verify`: whether a log is whole.
 *
 * @module
 */
import type { Command } from "commander";
import { checkLogChain } from "../log_chain.ts";
import type { Acting, Context } from "./context.ts";
import { EXIT } from "./output.ts";

/** Adds the command. */
export function auditCommands(program: Command, acting: Acting): void {
  program.command("audit").description("the audit log")
    .command("verify").argument("[file]", "standard input if absent")
    .description('follow the chain of a log that was written with "log": { "chain": true }')
    .action(acting((context, [file]) => verify(context, file ?? null)));
}

async function verify({ output }: Context, file: string | null): Promise<number> {
  const text = file === null
    ? await new Response(Deno.stdin.readable).text()
    : await Deno.readTextFile(file);
  const outcome = checkLogChain(text.split("\n"));
  output.value(outcome);
  if (outcome.kind === "broken") {
    output.line(`broken at line ${outcome.line}: ${outcome.problem}`);
    return EXIT.failed;
  }
  if (outcome.lines === 0) {
    output.line("there is no chain in it");
    return EXIT.failed;
  }
  output.line(`whole: ${outcome.lines} lines in ${outcome.chains} chains, last ${outcome.last}`);
  return EXIT.ok;
}
