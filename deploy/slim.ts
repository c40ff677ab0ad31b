/**
 * Writes `deploy/production.json`: the libraries that production needs and nothing that tests need, at
 * the versions of the root's `deno.json`.
 *
 *     deno run -A deploy/slim.ts && deno install --config deploy/production.json --frozen=false --entrypoint src/main.ts
 *
 * @module
 */
const ROOT = new URL("../", import.meta.url);

/**
 * A task of the root, for whoever has nothing but production's libraries: from any folder, whose
 * `postern.json` it reads. A task of the root's own `deno.json` fetches the tools of the tests first.
 */
function productionTask(task: string): string {
  const command = task.replace(
    "--config deploy/production.json",
    '--config "$HERE/production.json"',
  )
    .replace(" src/main.ts", ' "$HERE/../src/main.ts"');
  return `HERE="$PWD" && cd "$INIT_CWD" && ${command}`;
}

/** The packages that the modules behind `src/main.ts` import, as they are written. */
export async function productionConfig(): Promise<Record<string, unknown>> {
  const root = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const known: Record<string, string> = root.imports;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "src/main.ts"],
    cwd: ROOT,
  }).output();
  const used = new Set<string>();
  for (
    const { dependencies = [] } of JSON.parse(new TextDecoder().decode(stdout))
      .modules
  ) {
    for (const { specifier } of dependencies as { specifier: string }[]) {
      const [scope = "", name = ""] = specifier.split("/");
      const bare = scope.startsWith("@") ? `${scope}/${name}` : scope;
      if (Object.hasOwn(known, bare)) used.add(bare);
    }
  }
  const start = productionTask(root.tasks.start);
  return {
    tasks: { start, postern: start.replace(/ start$/, "") },
    nodeModulesDir: "none",
    lock: { path: "./production.lock", frozen: true },
    unstable: root.unstable,
    imports: Object.fromEntries(
      Object.entries(known).filter(([name]) => used.has(name)),
    ),
  };
}

if (import.meta.main) {
  const text = JSON.stringify(await productionConfig(), null, 2);
  await Deno.writeTextFile(new URL("deploy/production.json", ROOT), `${text}\n`);
}
