import assert from "node:assert/strict";
import { readRequestLine } from "../../src/policy/request_line.ts";
import { compileRoutes } from "../../src/policy/routes.ts";
import { countSteps } from "../support/steps.ts";

const table = compileRoutes([
  { path: "/auth/*", policyKey: "own", value: 0 },
  { path: "/a/:x/b/*", policyKey: "a", value: 1 },
  { path: "/Caf\u00e9/*", policyKey: "b", value: 2 },
  { path: "/:x/:y/:z", policyKey: "c", value: 3 },
  { path: "/*", policyKey: "rest", value: 4 },
]);

function decide(path: string): void {
  const line = readRequestLine({
    method: "GET",
    url: `http://localhost${path}`,
    hostHeader: "localhost",
    scheme: "http",
  });
  if (!("problem" in line)) table.match(line);
}

/** Patterns that made matchers go back and forth, or that folding makes longer. */
const HOSTILE: Readonly<Record<string, string>> = {
  dots: "/A{.}x",
  "dots and spaces": "/A{.%20}x",
  slashes: "/A{/}x",
  "dots in segments": "{/.a}",
  semicolons: "/A{;}",
  parameters: "{/a;x}",
  percents: "/{%25}41",
  "escaped escapes": "/{%2525}zz",
  "broken escapes inside": "/{%25%25}",
  "accents in the wrong order": "/a{%CC%95%CC%80}",
  "one character that becomes eighteen": "/{%EF%B7%BA}",
  "zero width": "/a{%E2%80%8B}b",
  "yen signs": "/{%C2%A5}x",
  "questions": "/{%3F}",
  "encoded slashes": "{%2Fa}",
  "mixed case": "{/Aa}",
  "braces": "/{[}",
  "parameters of routes": "/a{/b}",
  suffixes: "/a{.b}",
  query: "/?{a=%41&}",
};

Deno.test("reading a request takes time that grows with its length, not its square", () => {
  for (const [name, pattern] of Object.entries(HOSTILE)) {
    const [before = "", repeated = "", after = ""] = pattern.split(/[{}]/);
    const text = (length: number) =>
      before + repeated.repeat(Math.floor(length / repeated.length)) + after;
    const small = countSteps(() => decide(text(16 * 1024)));
    const large = countSteps(() => decide(text(64 * 1024)));
    assert.ok(large < small * 4.5 + 1_000, `${name}: ${small} steps for 16 KiB, ${large} for 64`);
    assert.ok(large < 64 * 1024 * 100, `${name}: ${large} steps`);
  }
});
