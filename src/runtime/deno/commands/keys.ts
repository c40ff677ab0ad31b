/**
 * `keys new|list|rotate`.
 *
 * @module
 */
import type { Command } from "commander";
import { generateKeySet, importKeyRing } from "../../../tokens/key_ring.ts";
import { createFiles, readEnvironment } from "../environment.ts";
import type { Acting, Context } from "./context.ts";
import { EXIT } from "./output.ts";
import { short } from "./sessions.ts";

/** Adds the commands. */
export function keyCommands(program: Command, acting: Acting): void {
  const keys = program.command("keys").description("the keys that sign and verify tokens");
  keys.command("new", { isDefault: true }).description(
    "print a new private JWK set for POSTERN_KEYS",
  )
    // A JWK set is JSON, with or without --json.
    .action(acting(async () => {
      await printSecret(JSON.stringify(await generateKeySet()));
      return EXIT.ok;
    }));
  keys.command("list").description("the ring: which key signs, which ones nobody needs any more")
    .action(acting((context) => list(context)));
  keys.command("rotate")
    .description(
      "print the set of POSTERN_KEYS (or POSTERN_KEYS_FILE) with new keys in front; nobody is signed out",
    )
    .option("--announce", "first step for several instances: new keys that only verify as yet")
    .option("--promote", "second step, once all instances have them: they sign from now on")
    .option("--keep <n>", "how many of the old keys go on verifying", "4")
    .option("--write", "write it into POSTERN_KEYS_FILE, where a running gateway notices it")
    .action(acting((context, _values, { announce, promote, keep, write }) => {
      if (announce === true && promote === true) {
        context.output.remark("--announce and --promote are two steps, one after the other");
        return Promise.resolve(EXIT.usage);
      }
      const step = announce === true ? "announce" : promote === true ? "promote" : "at once";
      return rotate(context, step, Number(keep), write === true);
    }));
}

async function list(context: Context): Promise<number> {
  const admin = await context.admin({ mayBeDirect: true });
  const answer = await admin.ask("GET", "/v1/keys");
  if (answer.status !== 200) return context.failed(answer);
  const rows = answer.body.keys.map((key: Record<string, string | boolean | null>) => [
    String(key["kid"]),
    String(key["alg"]),
    typeof key["createdAt"] === "string" ? short(key["createdAt"]) : "-",
    key["signs"] === true ? "signs" : key["unused"] === true ? "unused for a day" : "verifies",
    typeof key["lastVerifiedAt"] === "string" ? short(key["lastVerifiedAt"]) : "-",
  ]);
  context.output.table(["KEY", "ALGORITHM", "MADE", "USE", "LAST VERIFIED"], rows, answer.body);
  return EXIT.ok;
}

/** How a change of keys is made. */
type Step = "at once" | "announce" | "promote";

/** A private key as it stands in the set. */
type Key = JsonWebKey & { readonly kid?: string };

/** The next set, or what stands in the way of it. */
async function nextSet(old: readonly Key[], step: Step, keep: number): Promise<Key[] | string> {
  const isAnnounced = ({ key_ops }: Key) => key_ops !== undefined && !key_ops.includes("sign");
  if (step === "promote") {
    const announced = old.filter(isAnnounced);
    if (announced.length === 0) return "no key was announced: none has only verify in key_ops";
    const promoted = announced.map(({ key_ops: _, ...key }) => key);
    return [...promoted, ...old.filter((key) => !isAnnounced(key)).slice(0, keep)];
  }
  const { keys: fresh } = await generateKeySet();
  return step === "at once"
    ? [...fresh, ...old.slice(0, keep)]
    : [...old, ...fresh.map((key) => ({ ...key, key_ops: ["verify"] }))];
}

async function rotate(
  context: Context,
  step: Step,
  keep: number,
  write: boolean,
): Promise<number> {
  const { output } = context;
  if (!Number.isInteger(keep) || keep < 0) {
    output.remark("--keep must be a whole number");
    return EXIT.usage;
  }
  const env = await readEnvironment(createFiles());
  const text = env["POSTERN_KEYS"];
  if (text === undefined || text === "") {
    output.remark("POSTERN_KEYS and POSTERN_KEYS_FILE are not set: there is nothing to rotate");
    return EXIT.failed;
  }
  await importKeyRing(text);
  const { keys: old } = JSON.parse(text) as { keys: Key[] };
  const keys = await nextSet(old, step, keep);
  if (typeof keys === "string") {
    output.remark(keys);
    return EXIT.failed;
  }
  const next = JSON.stringify({ keys });
  const ring = await importKeyRing(next);
  if (!write) {
    await printSecret(next);
    return EXIT.ok;
  }
  const path = env["POSTERN_KEYS_FILE"];
  if (path === undefined || path === "") {
    output.remark("--write needs POSTERN_KEYS_FILE");
    return EXIT.usage;
  }
  // Beside it and then in its place: a gateway that reads at this moment finds a whole file.
  await Deno.writeTextFile(`${path}.new`, next, { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
  output.line(`${path}: ${keys.length} keys, "${ring.signing.kid}" signs`);
  output.value({ path, keys: keys.length, signs: ring.signing.kid });
  return EXIT.ok;
}

/** A key goes to standard output and nowhere else. */
async function printSecret(text: string): Promise<void> {
  const writer = Deno.stdout.writable.getWriter();
  await writer.write(new TextEncoder().encode(`${text}\n`));
  writer.releaseLock();
}
