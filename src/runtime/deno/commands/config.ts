/**
 * `config check|diff|schema|show`.
 *
 * @module
 */
import type { Command } from "commander";
import { configJsonSchema } from "../../../config/json_schema.ts";
import { startProblems } from "../../../gateway/start_problem.ts";
import { readSources } from "../load.ts";
import type { Acting, Context } from "./context.ts";
import { counted, EXIT } from "./output.ts";

/** Adds the commands. */
export function configCommands(program: Command, acting: Acting): void {
  const config = program.command("config").description("postern.json");
  config.command("check").argument("[file]").description("one line for each mistake")
    .action(acting((context, [file]) => check(context, file ?? null)));
  config.command("diff").description("what differs between the file and what is in force")
    .action(acting((context) => diff(context)));
  config.command("show").description("what is in force, without its secrets")
    .action(acting(async (context) => {
      const answer = await (await context.admin()).ask("GET", "/v1/config");
      if (answer.status !== 200) return context.failed(answer);
      context.output.line(JSON.stringify(answer.body.config, null, 2));
      context.output.value(answer.body);
      return EXIT.ok;
    }));
  config.command("schema").description("the JSON Schema of postern.json, for editors")
    .action(acting(printSchema));
  program.command("schema", { hidden: true }).action(acting(printSchema));
}

function printSchema({ output }: Context): Promise<number> {
  const schema = configJsonSchema();
  output.line(JSON.stringify(schema, null, 2));
  output.value(schema);
  return Promise.resolve(EXIT.ok);
}

async function check(context: Context, file: string | null): Promise<number> {
  const { output } = context;
  if (file !== null) Deno.env.set("POSTERN_CONFIG", file);
  try {
    const { config, hash } = await readSources(context.mode);
    output.line(
      `good: ${counted(config.routes.length, "route")} to ${
        counted(config.upstreams.size, "upstream")
      } (${hash.slice(0, 16)})`,
    );
    output.value({ valid: true, problems: [], hash });
    return EXIT.ok;
  } catch (error) {
    const problems = startProblems(error);
    if (problems === null) throw error;
    output.value({ valid: false, problems });
    for (const problem of problems) output.line(problem);
    return EXIT.failed;
  }
}

async function diff(context: Context): Promise<number> {
  const { output } = context;
  const answer = await (await context.admin()).ask("GET", "/v1/config");
  if (answer.status !== 200) return context.failed(answer);
  const { redacted } = await readSources(context.mode);
  const changes = differences(answer.body.config, redacted, "");
  if (changes.length === 0) output.line("the file says what is in force");
  for (const { path, now, next } of changes) {
    output.line(`${path}: ${text(now)} → ${text(next)}`);
  }
  output.value({ changes });
  return changes.length === 0 ? EXIT.ok : EXIT.failed;
}

function text(value: unknown): string {
  return value === undefined ? "(absent)" : JSON.stringify(value);
}

interface Difference {
  readonly path: string;
  readonly now: unknown;
  readonly next: unknown;
}

/** What differs, down to single values. */
export function differences(now: unknown, next: unknown, path: string): Difference[] {
  if (isObject(now) && isObject(next)) {
    const names = new Set([...Object.keys(now), ...Object.keys(next)]);
    return [...names].flatMap((name) =>
      differences(now[name], next[name], path === "" ? name : `${path}.${name}`)
    );
  }
  if (Array.isArray(now) && Array.isArray(next)) {
    return Array.from(
      { length: Math.max(now.length, next.length) },
      (_, index) => differences(now[index], next[index], `${path}[${index}]`),
    ).flat();
  }
  return JSON.stringify(now) === JSON.stringify(next) ? [] : [{ path, now, next }];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
