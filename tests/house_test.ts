/**
 * The shape of the house, as DESIGN.md lays it down: imports run one way, and
 * what is particular to a runtime stays at its door.
 */
import assert from "node:assert/strict";

const SRC = new URL("../src/", import.meta.url);

interface Module {
  readonly name: string;
  readonly imports: readonly string[];
  readonly text: string;
}

/** Every module of `src`, with what it imports of it; types count, too. */
async function modules(): Promise<Module[]> {
  const found: Module[] = [];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-remote", "src/main.ts"],
    cwd: new URL("../", import.meta.url),
  }).output();
  const other = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-remote", "src/worker.ts"],
    cwd: new URL("../", import.meta.url),
  }).output();
  const seen = new Set<string>();
  for (const output of [stdout, other.stdout]) {
    for (const each of JSON.parse(new TextDecoder().decode(output)).modules) {
      const specifier: string = each.specifier;
      if (!specifier.startsWith(SRC.href) || !specifier.endsWith(".ts") || seen.has(specifier)) {
        continue;
      }
      seen.add(specifier);
      const targets: string[] = (each.dependencies ?? []).flatMap((
        dependency: { code?: { specifier?: string }; type?: { specifier?: string } },
      ) => [dependency.code?.specifier, dependency.type?.specifier]);
      found.push({
        name: specifier.slice(SRC.href.length),
        imports: [...new Set(targets)]
          .filter((target) => target?.startsWith(SRC.href) && target.endsWith(".ts"))
          .map((target) => target.slice(SRC.href.length)),
        text: await Deno.readTextFile(new URL(specifier)),
      });
    }
  }
  return found;
}

const house = await modules();
const room = (name: string) => name.includes("/") ? name.split("/", 1)[0] ?? "" : name;

Deno.test("no module imports itself in the end", () => {
  const byName = new Map(house.map((each) => [each.name, each]));
  const state = new Map<string, "under way" | "done">();
  const visit = (name: string, path: readonly string[]): void => {
    if (state.get(name) === "done") return;
    assert.notEqual(state.get(name), "under way", `a circle: ${[...path, name].join(" → ")}`);
    state.set(name, "under way");
    for (const target of byName.get(name)?.imports ?? []) visit(target, [...path, name]);
    state.set(name, "done");
  };
  for (const { name } of house) visit(name, []);
  assert.ok(house.length > 80, "the house was looked at");
});

Deno.test("lower rooms know nothing of higher ones", () => {
  const forbidden: Readonly<Record<string, readonly string[]>> = {
    tokens: ["http", "proxy", "policy", "sessions", "gateway.ts", "main.ts", "worker.ts"],
    store: ["http", "proxy", "policy", "sessions", "tokens", "browser", "gateway.ts"],
    policy: ["http", "proxy", "sessions", "tokens", "browser", "gateway.ts"],
    proxy: ["gateway.ts", "main.ts"],
    browser: ["sessions", "proxy", "gateway.ts"],
    sessions: ["http", "proxy", "policy", "browser", "gateway.ts"],
    identity: ["http", "proxy", "policy", "sessions", "browser", "gateway.ts"],
    http: ["gateway.ts", "main.ts", "worker.ts", "proxy", "access", "endpoints"],
  };
  for (const { name, imports } of house) {
    for (const target of imports) {
      const isForbidden = forbidden[room(name)]?.includes(room(target)) ?? false;
      assert.ok(!isForbidden, `${name} imports ${target}`);
    }
  }
});

Deno.test("only the endpoints and the gateway know Hono's app, only main.ts touches Deno", () => {
  for (const { name, text } of house) {
    if (!["http", "gateway.ts", "endpoints", "admin", "gateway"].includes(room(name))) {
      assert.doesNotMatch(text, /from "hono";/, name);
    }
    if (name !== "main.ts" && !name.startsWith("runtime/deno/")) {
      assert.doesNotMatch(text, /\bDeno\.[a-z]/i, name);
    }
  }
});
