import fc from "fast-check";
import assert from "node:assert/strict";
import { safeReturnTo } from "../../src/browser/return_to.ts";

Deno.test("a path of this origin is kept, with its query", () => {
  for (const path of ["/", "/a/b?c=d&e=%20", "/auth/account", "/authors", "/caf%C3%A9"]) {
    assert.equal(safeReturnTo(path, "/auth"), path);
  }
});

Deno.test("nothing else is gone to", () => {
  const targets = [
    null,
    "",
    "a",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%5c%5cevil.example/%2e%2e",
    "/\t/evil.example",
    "/\n/evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/a/..//evil.example",
    "/auth/logout",
    "/auth",
    `/${"a".repeat(3000)}`,
  ];
  for (const target of targets) assert.equal(safeReturnTo(target, "/auth"), "/", String(target));
});

Deno.test("whatever comes in, a browser stays on this origin", () => {
  const piece = fc.constantFrom(
    "/",
    "\\",
    "//",
    ".",
    "..",
    "%2f",
    "%5c",
    "@",
    ":",
    "evil.example",
    "\t",
    "?",
    "#",
    "https:",
  );
  const origin = "https://app.example.com";
  fc.assert(
    fc.property(
      fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 12 }),
      (parts) => {
        const path = safeReturnTo(parts.join(""), "/auth");
        assert.equal(new URL(path, origin).origin, origin);
        assert.doesNotMatch(path, /^\/[/\\]/);
      },
    ),
    { numRuns: 3000 },
  );
});
