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

/** What the system says of files that are not there, or may or can not be read or written. */
const FILE_CODES: ReadonlySet<unknown> = new Set(
  ["ENOENT", "EACCES", "EPERM", "EROFS", "EISDIR", "ENOTDIR", "ENOSPC"],
);

/** A mistake of whoever named the file, not of ours: it is told without a stack. */
function isAboutFiles(error: unknown): error is Error {
  return error instanceof Deno.errors.NotCapable ||
    (error instanceof Error && "code" in error && FILE_CODES.has(error.code));
}
