import fc from "fast-check";
import assert from "node:assert/strict";
import type { JsonValue } from "../../src/base/json.ts";
import {
  compileClaims,
  MAX_SUBJECT_LENGTH,
  RESERVED_CLAIMS,
  toSubject,
} from "../../src/tokens/claim_map.ts";

Deno.test("a subject is a non-empty string or a whole number", () => {
  assert.equal(toSubject("ada"), "ada");
  assert.equal(toSubject("Ada Lovelace"), "Ada Lovelace");
  assert.equal(toSubject(42), "42");
  assert.equal(toSubject(0), "0");
  assert.equal(toSubject("x".repeat(MAX_SUBJECT_LENGTH)), "x".repeat(MAX_SUBJECT_LENGTH));
});

Deno.test("a subject that could be taken for another one is unusable", () => {
  const unusable: [string, JsonValue | undefined][] = [
    ["absent", undefined],
    ["null", null],
    ["a boolean", true],
    ["an object", { id: 1 }],
    ["a list", ["ada"]],
    ["empty", ""],
    ["a fraction", 1.5],
    ["a number that JSON has rounded", JSON.parse("9007199254740993")],
    ["too long", "x".repeat(MAX_SUBJECT_LENGTH + 1)],
    ["a line feed", "ada\nX-Auth-Scope: admin"],
    ["a NUL", "ada\u0000"],
    ["a C1 control", "ada\u0085x"],
    ["outer white space, which a header would lose", " ada"],
    ["a lone surrogate, which UTF-8 would replace", "ada\ud800"],
  ];
  for (const [what, value] of unusable) assert.equal(toSubject(value), null, what);
});

Deno.test("claims come by pointer, and a missing one is left out", () => {
  const read = compileClaims({ name: "/user/name", groups: "/groups", gone: "/user/gone" });
  assert.deepEqual(read({ user: { name: "Ada" }, groups: ["a", "b"] }), {
    name: "Ada",
    groups: ["a", "b"],
  });
});

Deno.test("a source can never set a claim that is Postern's own", () => {
  const own = ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "nbf", "token_type", "grp", "cnf"];
  assert.deepEqual([...RESERVED_CLAIMS].sort(), own.sort());
  const read = compileClaims(
    Object.fromEntries([...own, "name"].map((name) => [name, "/value"] as const)),
  );
  assert.deepEqual(read({ value: "forged" }), { name: "forged" });
});

Deno.test("a claim called __proto__ is a claim, not a prototype", () => {
  const claims = compileClaims(Object.fromEntries([["__proto__", "/value"]]))({ value: { a: 1 } });
  assert.deepEqual(Object.keys(claims), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(claims), Object.prototype);
});

Deno.test("a list of scopes becomes one space-separated string", () => {
  const scopeOf = (value: JsonValue) =>
    compileClaims({ scope: "/scope" })({ scope: value })["scope"];
  assert.equal(scopeOf(["shop.add_item", "shop.view_item"]), "shop.add_item shop.view_item");
  assert.equal(scopeOf("read  write read"), "read write");
  assert.equal(scopeOf([]), "");
  assert.equal(scopeOf(7), undefined);
  assert.equal(scopeOf(null), undefined);
});

Deno.test("an entry with a space in it grants nothing", () => {
  const read = compileClaims({ scope: "/scope" });
  assert.deepEqual(read({ scope: ["view admin", "edit"] }), { scope: "edit" });
});

Deno.test("whatever a source lists, a scope holds only scope tokens of RFC 6749 that it listed", () => {
  const read = compileClaims({ scope: "/scope" });
  fc.assert(fc.property(fc.array(fc.jsonValue({ maxDepth: 1 })), (list) => {
    const given: JsonValue = JSON.parse(JSON.stringify(list));
    const scope = read({ scope: given })["scope"];
    assert.ok(typeof scope === "string");
    for (const token of scope === "" ? [] : scope.split(" ")) {
      assert.match(token, /^[\x21\x23-\x5B\x5D-\x7E]+$/);
      assert.ok(list.includes(token));
    }
  }));
});
