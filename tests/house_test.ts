/**
 * The shape of the house: which room may import which, what is particular to a
 * runtime stays at its door, and nothing is told in circles. What the table
 * does not list is forbidden.
 */
import assert from "node:assert/strict";

const SRC = new URL("../src/", import.meta.url);

interface Module {
  readonly name: string;
  readonly imports: readonly string[];
  readonly text: string;
}

const ALL = [
  "gateway",
  "config",
  "proxy",
  "endpoints",
  "admin",
  "access",
  "sign_in",
  "sessions",
  "upstream",
  "identity",
  "binding",
  "browser",
  "tokens",
  "http",
  "outbound",
  "store",
  "telemetry",
  "policy",
  "demo",
];

/** Beside `base`, which all may, and the room itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["runtime"],
  "worker.ts": ["runtime"],
  runtime: ALL,
  gateway: ALL,
  config: ALL.filter((room) => !["gateway", "config"].includes(room)),
  proxy: [
    "policy",
    "http",
    "telemetry",
    "tokens",
    "browser",
    "sessions",
    "access",
    "upstream",
  ],
  endpoints: ["http", "tokens", "identity", "binding", "browser", "sessions", "sign_in", "access"],
  admin: ["http", "telemetry", "sessions"],
  access: ["policy", "http", "tokens", "binding", "browser", "sessions"],
  sign_in: ["store", "telemetry", "identity", "tokens", "sessions"],
  sessions: ["store", "telemetry", "tokens", "identity"],
  upstream: ["http", "outbound"],
  identity: ["outbound", "tokens"],
  binding: ["http", "tokens"],
  browser: ["policy", "http", "tokens"],
  tokens: ["outbound"],
  http: ["policy", "telemetry"],
  outbound: [],
  store: [],
  telemetry: [],
  policy: [],
  demo: [],
  base: [],
};

/** Every module of `src`, with what it imports of it; types count, too. */
async function modules(): Promise<Module[]> {
  const found: Module[] = [];
  const seen = new Set<string>();
  for (const door of ["main.ts", "worker.ts"]) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-remote", `src/${door}`],
      cwd: new URL("../", import.meta.url),
    }).output();
    for (const each of JSON.parse(new TextDecoder().decode(stdout)).modules) {
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

Deno.test("a room imports only what its line in the table names", () => {
  const wrong = house.flatMap(({ name, imports }) => {
    const own = room(name);
    const allowed = MAY_IMPORT[own];
    if (allowed === undefined) return [`${name}: there is no room "${own}"`];
    return imports
      .filter((target) => ![own, "base", ...allowed].includes(room(target)))
      .map((target) => `${name} imports ${target}`);
  });
  assert.deepEqual(wrong, []);
});

Deno.test("Hono's app is known where paths are served, a runtime at its door only", () => {
  for (const { name, text } of house) {
    const knowsApp = name === "http/endpoint.ts" ||
      ["endpoints", "admin", "gateway"].includes(room(name));
    if (!knowsApp) assert.doesNotMatch(text, /from "hono";/, name);
    if (!name.startsWith("runtime/deno/")) {
      assert.doesNotMatch(text.replaceAll(/^ *\*.*$/gm, ""), /\bDeno\.[a-z]/i, name);
      if (!name.startsWith("store/sqlite")) {
        assert.doesNotMatch(text, /from "(?:node:|ws"|undici")/, name);
      }
    }
    if (!name.startsWith("runtime/") && room(name) !== "store") {
      assert.doesNotMatch(text, /from ".*store\/(?:memory|sqlite|upstash|redis)/, name);
    }
  }
});

Deno.test("schemas are written in zod's small form: base/schema.ts alone knows which zod it is", () => {
  for (const { name, text } of house) {
    assert.doesNotMatch(
      text,
      /^import (?!type).*from "zod";/m,
      `${name}: \`import * as z from "…/base/schema.ts"\`, and what were methods are functions: ` +
        "`z.exactOptional(z.string().check(z.minLength(1), z.describe(…)))`",
    );
  }
});

Deno.test("the doors only call the runtime, and rooms stay small enough to see", () => {
  for (const { name, text } of house) {
    const lines = text.split("\n").length - 1;
    const most = name === "main.ts" || name === "worker.ts" ? 40 : 300;
    assert.ok(lines <= most, `${name} has ${lines} lines, at most ${most}`);
  }
});
