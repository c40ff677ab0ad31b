import fc from "fast-check";
import assert from "node:assert/strict";
import { compileRequirement } from "../../src/policy/requirement.ts";
import { patternProblem } from "../../src/policy/pattern.ts";
import { readRequestLine } from "../../src/policy/request_line.ts";
import { compileRoutes, type RoutePattern } from "../../src/policy/routes.ts";

function table(...paths: (string | Partial<RoutePattern<number>>)[]) {
  return compileRoutes(
    paths.map((route, index): RoutePattern<number> => ({
      policyKey: "same",
      value: index,
      path: "/*",
      ...(typeof route === "string" ? { path: route } : route),
    })),
  );
}

function match(routes: ReturnType<typeof table>, path: string, host = "h", method = "GET") {
  const line = readRequestLine({
    method,
    url: `http://${host}${path}`,
    hostHeader: host,
    scheme: "http",
  });
  if ("problem" in line) return line.code;
  const found = routes.match(line);
  return found.kind === "matched" ? found.value : found.kind;
}

Deno.test("the first route that fits wins, and no route is no way in", () => {
  const routes = table("/a/b", "/a/*", "/users/:id/posts", "/users/*");
  assert.equal(match(routes, "/a/b"), 0);
  assert.equal(match(routes, "/a/c"), 1);
  assert.equal(match(routes, "/a"), 1);
  assert.equal(match(routes, "/users/7/posts"), 2);
  assert.equal(match(routes, "/users/7"), 3);
  assert.equal(match(routes, "/ab"), "none");
  assert.equal(match(routes, "/"), "none");
});

Deno.test("host and method take part", () => {
  const routes = table(
    { host: "api.example.com", path: "/*" },
    { host: "*.example.com", path: "/*" },
    { methods: ["POST"], path: "/x" },
    { methods: ["GET"], path: "/x" },
  );
  assert.equal(match(routes, "/", "API.example.com:8443"), 0);
  assert.equal(match(routes, "/", "www.example.com"), 1);
  assert.equal(match(routes, "/", "example.com"), "none");
  assert.equal(match(routes, "/", "evil-example.com"), "none");
  assert.equal(match(routes, "/x", "h", "POST"), 2);
  assert.equal(match(routes, "/x", "h", "HEAD"), 3);
  assert.equal(match(routes, "/x", "h", "DELETE"), "none");
});

Deno.test("the tree finds what a walk over the list would find", () => {
  const segment = fc.constantFrom("a", "b", "c", ":x");
  const pattern = fc.tuple(fc.array(segment, { maxLength: 3 }), fc.boolean()).map(([parts, rest]) =>
    `/${[...parts, ...(rest ? ["*"] : [])].join("/")}`
  );
  const path = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 }).map((parts) =>
    `/${parts.join("/")}`
  );
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 8 }), path, (patterns, asked) => {
      const expected = patterns.findIndex((each) => {
        const rest = each.endsWith("*");
        const source = each.replace(/\/\*$/, "").split("/").map((part) =>
          part.startsWith(":") ? "[^/]+" : part
        ).join("/");
        return new RegExp(rest ? `^${source}(?:/.*)?$` : `^${source}$`).test(asked);
      });
      const found = match(table(...patterns), asked);
      assert.equal(found, expected < 0 ? "none" : expected);
    }),
    { numRuns: 3_000, seed: 3 },
  );
});

Deno.test("a pattern that can not be meant is told", () => {
  assert.equal(patternProblem("/static/*"), null);
  for (const pattern of ["static", "/a/*/b", "/a*", "/a?b", "/a/../b", "/a/:", "/a%2fb"]) {
    assert.notEqual(patternProblem(pattern), null, pattern);
  }
});

Deno.test("requirements: all scopes, and each claim one of its values", () => {
  const needs = compileRequirement({
    scope: ["read", "write"],
    claims: { role: ["admin", "owner"], level: 3 },
  });
  const good = { scope: "write read other", role: ["guest", "owner"], level: 3 };
  assert.equal(needs(good), true);
  assert.equal(needs({ ...good, scope: ["read", "write"] }), true);
  assert.equal(needs({ ...good, scope: "read" }), false);
  assert.equal(needs({ ...good, scope: "readwrite" }), false);
  assert.equal(needs({ ...good, role: "guest" }), false);
  assert.equal(needs({ ...good, level: "3" }), false);
  assert.equal(needs({ scope: "read write", role: "admin" }), false);
  assert.equal(
    compileRequirement({ claims: { constructor: "x" } })({}),
    false,
    "nothing inherited counts",
  );
});
