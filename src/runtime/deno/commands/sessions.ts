/**
 * `sessions list|show|revoke`, `subjects revoke` and `revoke --all --before`.
 *
 * @module
 */
import type { Command } from "commander";
import type { SessionView } from "../../../admin/sessions.ts";
import type { Acting, Context } from "./context.ts";
import { counted, EXIT } from "./output.ts";

const DIRECT = { mayBeDirect: true };
const HEADS = ["SESSION", "SUBJECT", "PROVIDER", "SIGNED IN", "LAST SEEN", "ADDRESS", "DEVICE"];

/** Adds the commands. */
export function sessionCommands(program: Command, acting: Acting): void {
  const sessions = program.command("sessions").description("who is signed in");
  sessions.command("list").description("live sessions")
    .option("--subject <subject>", "only this person's")
    .option("--provider <name>", "only those that came from this provider")
    .option("--ip <address>", "only those opened from this address")
    .option("--last-seen-before <time>", "only those not used since (ISO 8601)")
    .option("--limit <n>", "how many at most (0: all)", "100")
    .action(acting((context, _values, options) => list(context, options)));
  sessions.command("show").argument("<sid>").description("one session, with its claims")
    .action(acting((context, [sid]) => show(context, sid ?? "")));
  sessions.command("revoke").argument("<sid...>").description("end sessions")
    .action(acting((context, [sids]) => revokeSessions(context, (sids ?? "").split(","))));

  program.command("subjects").description("people")
    .command("revoke").argument("<subject>").description("end every session of a person")
    .option("--dry-run", "only say how many there are")
    .action(
      acting((context, [subject], { dryRun }) =>
        revoke(context, { subject, dryRun: dryRun === true })
      ),
    );

  program.command("revoke").description("end many sessions at once")
    .option("--all", "of everybody (with --before)")
    .option("--before <time>", "what was issued at or before this time (ISO 8601, or now)")
    .option("--provider <name>", "what came from this provider")
    .option("--jti <jti>", "a single token")
    .option("--dry-run", "only say how many there are")
    .action(acting((context, _values, options) => {
      const { all, before, provider, jti, dryRun } = options;
      const byTime = all === true && before !== undefined;
      const issuedBefore = before === "now" ? new Date().toISOString() : before;
      const chosen = [
        ...(byTime ? [{ issuedBefore }] : []),
        ...(provider === undefined ? [] : [{ provider }]),
        ...(jti === undefined ? [] : [{ jti }]),
      ];
      const [only] = chosen;
      if (chosen.length !== 1 || only === undefined || (before !== undefined && !byTime)) {
        context.output.remark(
          "Choose one of: --all --before <time>, --provider <name>, --jti <jti>",
        );
        return Promise.resolve(EXIT.usage);
      }
      return revoke(context, { ...only, dryRun: dryRun === true });
    }));
}

async function list(context: Context, options: Readonly<Record<string, unknown>>): Promise<number> {
  const { output } = context;
  const wanted = Number(options["limit"]);
  if (!Number.isInteger(wanted) || wanted < 0) {
    output.remark("--limit must be a whole number");
    return EXIT.usage;
  }
  const query = new URLSearchParams();
  for (const name of ["subject", "provider", "ip", "lastSeenBefore"]) {
    const value = options[name];
    if (typeof value === "string") query.set(name, value);
  }
  const admin = await context.admin(DIRECT);
  const found: SessionView[] = [];
  let after: string | null = null;
  do {
    query.set("limit", String(wanted === 0 ? 500 : Math.min(500, wanted - found.length)));
    if (after !== null) query.set("after", after);
    const answer = await admin.ask("GET", `/v1/sessions?${query}`);
    if (answer.status !== 200) return context.failed(answer);
    found.push(...answer.body.sessions);
    after = answer.body.next;
    if (after !== null) output.progress(`${found.length} sessions …`);
  } while (after !== null && (wanted === 0 || found.length < wanted));
  output.progress("");
  output.table(HEADS, found.map(rowOf), { sessions: found, next: after });
  if (after !== null) output.remark(`There are more; --limit 0 lists all of them.`);
  return EXIT.ok;
}

function rowOf(session: SessionView): string[] {
  const { sid, subject, provider, createdAt, lastSeenAt, ip, userAgent } = session;
  return [
    sid,
    subject,
    provider ?? "-",
    short(createdAt),
    short(lastSeenAt),
    ip,
    userAgent.slice(0, 60),
  ];
}

/** To the second, without the letters that only a machine needs. */
export function short(time: string): string {
  return time.slice(0, 19).replace("T", " ");
}

async function show(context: Context, sid: string): Promise<number> {
  const admin = await context.admin(DIRECT);
  const answer = await admin.ask("GET", `/v1/sessions/${encodeURIComponent(sid)}`);
  if (answer.status !== 200) return context.failed(answer);
  const rows = Object.entries(answer.body).map(([name, value]) => [
    name,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  context.output.table(["NAME", "VALUE"], rows, answer.body);
  return EXIT.ok;
}

async function revokeSessions(context: Context, sids: readonly string[]): Promise<number> {
  const admin = await context.admin(DIRECT);
  const { output } = context;
  const ended: string[] = [];
  const failed: { readonly sid: string; readonly code: string }[] = [];
  for (const sid of sids) {
    const { status, body } = await admin.ask("DELETE", `/v1/sessions/${encodeURIComponent(sid)}`);
    if (status === 204) {
      ended.push(sid);
      output.line(`ended ${sid}`);
    } else {
      failed.push({ sid, code: body?.code ?? String(status) });
      output.remark(`${sid}: ${body?.detail ?? body?.title ?? status}`);
    }
  }
  // One value for a script, however many sessions it is about.
  output.value({ ended, failed });
  return failed.length === 0 ? EXIT.ok : EXIT.failed;
}

async function revoke(context: Context, body: Readonly<Record<string, unknown>>): Promise<number> {
  const admin = await context.admin(DIRECT);
  context.output.progress("counting …");
  const answer = await admin.ask("POST", "/v1/revocations", body);
  context.output.progress("");
  if (answer.status !== 200) return context.failed(answer);
  const { count, atLeast, dryRun } = answer.body;
  const many = count === null
    ? "1 token"
    : `${atLeast ? "at least " : ""}${counted(count, "session")}`;
  context.output.line(dryRun ? `would end ${many}` : `ended ${many}`);
  context.output.value(answer.body);
  return EXIT.ok;
}
