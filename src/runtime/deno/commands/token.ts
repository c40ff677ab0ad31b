/**
 * `token inspect`: what a token says, and whether this gateway would take it.
 *
 * @module
 */
import type { Command } from "commander";
import { systemClock } from "../../../base/clock.ts";
import { startProblems } from "../../../gateway/start_problem.ts";
import { createForeign } from "../../../gateway/issuers.ts";
import { createTokenVerifier } from "../../../tokens/verify.ts";
import { readSources, type Sources } from "../load.ts";
import type { Acting, Context } from "./context.ts";
import { EXIT, type Output } from "./output.ts";

/** Adds the command. */
export function tokenCommands(program: Command, acting: Acting): void {
  program.command("token").description("access and refresh tokens")
    .command("inspect")
    .description(
      "read a token from standard input (not from the command line, which others can see) and say what it is",
    )
    .action(acting((context) => inspect(context)));
}

async function inspect(context: Context): Promise<number> {
  const { output } = context;
  const text = (await new Response(Deno.stdin.readable).text()).trim();
  const token = text.replace(/^Bearer\s+/i, "");
  const [header, claims] = token.split(".", 2).map(partOf);
  if (header === null || claims === null || header === undefined || claims === undefined) {
    output.remark("That is not a JWT: three parts of base64url, separated by dots.");
    return EXIT.failed;
  }
  const verdict = await verdictOn(context, token, claims);
  const standing = verdict === "good" ? await standingOf(context, claims) : null;
  const rows = [
    ["verdict", standing === null ? verdict : `${verdict}, ${standing}`],
    ...Object.entries(header).map(([name, value]) => [`header.${name}`, textOf(name, value)]),
    ...Object.entries(claims).map(([name, value]) => [name, textOf(name, value)]),
  ];
  output.table(["WHAT", "VALUE"], rows, { verdict, standing, header, claims });
  return verdict === "good" && standing !== "its session has ended" ? EXIT.ok : EXIT.failed;
}

function partOf(part: string): Record<string, unknown> | null {
  try {
    const bytes = Uint8Array.from(
      atob(part.replaceAll("-", "+").replaceAll("_", "/")),
      (char) => char.charCodeAt(0),
    );
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : null;
  } catch {
    return null;
  }
}

/** Against the keys and rules of the configuration, as the gateway checks it. */
async function verdictOn(
  { mode, output }: Context,
  token: string,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  try {
    const sources = await readSources(mode);
    const { keys, config } = sources;
    const verifier = createTokenVerifier({ keys, rules: config.tokens, clock: systemClock });
    const access = await verifier.verify(token, "access");
    const found = access === "wrong_type" ? await verifier.verify(token, "refresh") : access;
    if (typeof found !== "string") return "good";
    const foreign = await foreignVerdict(sources, token, output);
    // Of our own issuer only programs' tokens are verified there: what is none of them was told above.
    const isOurs = claims["iss"] === config.tokens.issuer && foreign !== "good";
    return (isOurs ? found : foreign ?? found).replaceAll("_", " ");
  } catch (error) {
    const problems = startProblems(error);
    if (problems === null) throw error;
    output.remark(`Not verified, for there is no configuration: ${problems[0] ?? ""}`);
    return "not verified";
  }
}

/** What the issuers of the configuration, and our own for programs, say; `null`: it is none of theirs. */
async function foreignVerdict(
  { keys, config }: Sources,
  token: string,
  output: Output,
): Promise<string | null> {
  const issuers = createForeign(
    {
      keys,
      clock: systemClock,
      events: (event) => {
        if ("reason" in event) output.remark(event.reason);
      },
      keySets: { note() {} },
    },
    config,
    {},
  );
  if (issuers === null || !issuers.claims(token)) return null;
  const found = await issuers.verify(token, (work) => void work.catch(() => {}));
  return typeof found === "string" ? found : "good";
}

async function standingOf(
  context: Context,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { sid } = claims;
  if (typeof sid !== "string") return "it names no session";
  const admin = await context.admin({ mayBeDirect: true });
  const answer = await admin.ask("GET", `/v1/sessions/${encodeURIComponent(sid)}`);
  if (answer.status === 200) return "its session stands";
  return answer.status === 404 ? "its session has ended" : "its session is not known";
}

function textOf(name: string, value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const isTime = ["iat", "exp", "nbf", "auth_time"].includes(name) && typeof value === "number";
  return isTime ? `${text} (${new Date(value * 1000).toISOString()})` : text;
}
