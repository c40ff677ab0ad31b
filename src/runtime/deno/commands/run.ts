/**
 * Runs the process's command line.
 *
 * @module
 */
import { startProblems } from "../../../gateway/start_problem.ts";
import { complain } from "../console.ts";
import { dropProxyVariables } from "../proxy_variables.ts";
import { UnreachableError } from "./client.ts";
import { EXIT } from "./output.ts";
import { runCommand } from "./program.ts";

/**
 * Runs the command of the process's arguments and ends the process with its
 * code; a refused start says line by line what has to be set.
 */
export async function run(): Promise<never> {
  for (const name of dropProxyVariables()) {
    complain(
      `warning: ${name} is ignored: where Postern is to ask others through a proxy, set "proxy"`,
    );
  }
  try {
    Deno.exit(await runCommand(Deno.args));
  } catch (error) {
    if (error instanceof UnreachableError) {
      complain(error.message);
      Deno.exit(EXIT.unreachable);
    }
    if (isAboutFiles(error)) {
      complain(error.message);
      Deno.exit(EXIT.failed);
    }
    const problems = startProblems(error);
    if (problems === null) throw error;
    const [command] = Deno.args;
    complain(
      command === "start" || command === "dev"
        ? "Postern does not start:"
        : "The configuration can not be used:",
    );
    for (const problem of problems) complain(`  ${problem}`);
    Deno.exit(EXIT.failed);
  }
}

/** A file that is not there or may not be read is a mistake of whoever named it, not of ours. */
function isAboutFiles(error: unknown): error is Error {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.IsADirectory;
}
