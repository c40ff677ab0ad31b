/** Folders whose requests need no session, so that no browser renews one for them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { openPrefixes } from "../../src/policy/open_prefixes.ts";
import type { OpenRouteShape } from "../../src/policy/open_prefixes.ts";
import { readRequestLine } from "../../src/policy/request_line.ts";
import { compileRoutes } from "../../src/policy/routes.ts";

const open = (path: string, more: Partial<OpenRouteShape> = {}): OpenRouteShape => ({
  path,
  isOpen: true,
  ...more,
});
const guarded = (path: string, more: Partial<OpenRouteShape> = {}): OpenRouteShape => ({
  path,
  isOpen: false,
  ...more,
});

Deno.test("a folder is open where no guarded route before it leads into it", () => {
  const rest = guarded("/*");
  const cases: readonly (readonly [OpenRouteShape[], string[]])[] = [
    [[open("/static/*"), rest], ["/static"]],
    [[open("/a/b/*"), open("/c/*"), rest], ["/a/b", "/c"]],
    [[guarded("/static/me"), open("/static/*"), rest], []],
    [[guarded("/static/:id/*"), open("/static/*"), rest], []],
    [[guarded("/:any/me"), open("/static/*"), rest], []],
    [[guarded("/static"), open("/static/*"), rest], []],
    [[guarded("/stat/*"), open("/static/*"), rest], ["/static"]],
    [[open("/static/*"), guarded("/static/me"), rest], ["/static"]],
    [[open("/favicon.ico"), rest], []],
    [[open("/*")], []],
    [[open("/:any/*"), rest], []],
    [[open("/static/*", { methods: ["GET"] }), rest], []],
    [[open("/static/*", { host: "app.example.com" }), rest], []],
    [[guarded("/static/*", { methods: ["POST"] }), open("/static/*"), rest], []],
  ];
  for (const [routes, expected] of cases) {
    assert.deepEqual(openPrefixes(routes), expected, JSON.stringify(routes));
  }
});

Deno.test("whatever the routes, nothing guarded lies in an open folder", () => {
  const segment = fc.constantFrom("a", "b", ":x");
  const route = fc.record({
    segments: fc.array(segment, { maxLength: 3 }),
    isPrefix: fc.boolean(),
    isOpen: fc.boolean(),
  }).map(({ segments, isPrefix, isOpen }) => ({
    path: `/${[...segments, ...(isPrefix ? ["*"] : [])].join("/")}`,
    isOpen,
  }));
  const path = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(route, { maxLength: 6 }), path, (routes, asked) => {
      const table = compileRoutes(
        routes.map((each) => ({ ...each, policyKey: "same", value: each.isOpen })),
      );
      const line = readRequestLine({
        method: "GET",
        url: `http://h/${asked.join("/")}`,
        hostHeader: "h",
        scheme: "http",
      });
      assert.ok(!("problem" in line));
      const found = table.match(line);
      const folders = openPrefixes(routes);
      const lies = folders.some((folder) =>
        `/${asked.join("/")}` === folder || `/${asked.join("/")}`.startsWith(`${folder}/`)
      );
      if (lies) assert.ok(found.kind === "matched" && found.value);
    }),
    { numRuns: 2_000, seed: 25 },
  );
});
