/**
 * The command line, as `commander` reads it.
 *
 *     deno task dev        the demo, or a gateway in front of POSTERN_UPSTREAM
 *     deno task start      production
 *     deno task postern …  everything else; `--help` lists it
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { VERSION } from "../../../base/version.ts";
import { serve } from "../serve.ts";
import { auditCommands } from "./audit.ts";
import { configCommands } from "./config.ts";
import { createContext } from "./context.ts";
import type { Acting } from "./context.ts";
import { doctorCommand } from "./doctor.ts";
import { explainCommand } from "./explain.ts";
import { keyCommands } from "./keys.ts";
import { EXIT } from "./output.ts";
import { sessionCommands } from "./sessions.ts";
import { stateCommands } from "./state.ts";
import { tokenCommands } from "./token.ts";

/** Runs a command line (without the program's name); the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("postern")
    .description("An auth gateway for HTTP backends, and the tools of the people who run it.")
    .version(VERSION, "-V, --version")
    .option("--json", "print JSON, for scripts")
    .option("--admin <address>", "where the gateway's admin listener is (host:port or unix:path)")
    .option("--dev", "read the configuration as `dev` does")
    .exitOverride()
    .showHelpAfterError()
    .enablePositionalOptions(false);

  /** An action gets the context of its command line and says how it ended. */
  const acting: Acting = (act) => async (...given: unknown[]) => {
    const command = given.at(-1) as Command;
    const values = given.slice(0, -2).map((each) => each === undefined ? null : String(each));
    const context = createContext(command.optsWithGlobals());
    try {
      code = await act(context, values, command.opts());
    } finally {
      await context.close();
    }
  };

  program.command("start").description("serve in production")
    .action(async () => void (code = await serve("production")));
  program.command("dev").description("serve the demo, or in front of POSTERN_UPSTREAM")
    .action(async () => void (code = await serve("dev")));
  sessionCommands(program, acting);
  stateCommands(program, acting);
  keyCommands(program, acting);
  configCommands(program, acting);
  tokenCommands(program, acting);
  auditCommands(program, acting);
  explainCommand(program, acting);
  doctorCommand(program, acting);

  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version were asked for.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}
