import fc from "fast-check";
import assert from "node:assert/strict";
import { loosenings, parseTarget } from "../../src/policy/path.ts";
import { compileRoutes } from "../../src/policy/routes.ts";

function pathOf(target: string): string | null {
  const parsed = parseTarget(`http://localhost${target}`);
  return "problem" in parsed ? null : parsed.path;
}

Deno.test("one spelling for one path, and the query untouched", () => {
  assert.equal(pathOf("/a/%7Euser/%2d"), "/a/~user/-");
  assert.equal(pathOf("/caf%c3%a9"), "/caf%C3%A9");
  assert.equal(pathOf(""), "/");
  assert.deepEqual(parseTarget("http://h/a?b=%2F..%2f&c=//"), {
    path: "/a",
    search: "?b=%2F..%2f&c=//",
  });
});

Deno.test("what could be read in another way is refused", () => {
  const ambiguous = [
    "/a/../b",
    "/..",
    "/a/.",
    "/./a",
    "/a/%2e%2e/b",
    "/a/%2E./b",
    "/a/..;/b",
    "/a/%252e%252e/b",
    "/a%2fb",
    "/a%2Fb",
    "/a%252fb",
    "/a%5cb",
    "/a\\b",
    "/a%00",
    "/a%0d%0a",
    "/a%7f",
    "/a%",
    "/a%zz",
    "/a%2",
    "/a b",
    "/ä",
    "/a#b",
    "/%25252e%25252e/",
    "/a/%2e",
    "/public/%2e%2e%2fadmin",
    "/a\u0000b",
  ];
  for (const target of ambiguous) assert.equal(pathOf(target), null, target);
});

/** How backends are known to read a path. */
const READINGS: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => new URL(path, "http://h").pathname,
  (path) => decodeURIComponent(path),
  (path) => new URL(decodeURIComponent(path).replaceAll("\\", "/"), "http://h").pathname,
  (path) => decodeURIComponent(decodeURIComponent(path)),
];

const piece = fc.constantFrom(
  "a",
  "admin",
  "public",
  "/",
  "//",
  ".",
  "..",
  "%2e",
  "%2f",
  "%5c",
  "%25",
  "%252e",
  "%252f",
  ";",
  ";x=1",
  "\\",
  "%00",
  "%",
  "é",
  "%c3%a9",
  "~",
  "%7e",
  "A",
);

Deno.test("no reading of an accepted path leaves the folder that was matched", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const path = pathOf(`/public/${pieces.join("")}`);
      if (path === null) return;
      for (const read of READINGS) {
        let reading: string;
        try {
          reading = read(path);
        } catch {
          continue;
        }
        assert.ok(reading.startsWith("/public/"), `${path} is read as ${reading}`);
        assert.doesNotMatch(reading, /(?:^|\/)\.\.?(?:\/|$)/);
      }
    }),
    { numRuns: 20_000, seed: 1 },
  );
});

Deno.test("normalising twice is normalising once", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 12 }),
      (pieces) => {
        const once = pathOf(`/${pieces.join("")}`);
        if (once !== null) assert.equal(pathOf(once), once);
      },
    ),
    { numRuns: 20_000, seed: 2 },
  );
});

Deno.test("a path that another reading would give to a stricter route is refused", () => {
  const table = compileRoutes([
    { path: "/public/*", policyKey: "open", value: "public" },
    { path: "/admin/*", policyKey: "admin", value: "admin" },
    { path: "/*", policyKey: "open", value: "rest" },
  ]);
  const match = (path: string) => table.match({ path, host: "h", method: "GET" }).kind;
  assert.equal(match("/admin/x"), "matched");
  for (
    const path of ["/Admin/x", "/admin;x/y", "//admin/x", "/admin./x", "/admin%20/x", "/ADMIN"]
  ) {
    assert.equal(match(path), "ambiguous", path);
  }
  assert.equal(match("/Public/x"), "matched", "both readings are open");
  assert.deepEqual(loosenings("/a/b"), []);
  assert.ok(loosenings("/A//b;c/").includes("/a/b"));
});
