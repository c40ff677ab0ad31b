import fc from "fast-check";
import assert from "node:assert/strict";
import type { JsonValue } from "../../src/base/json.ts";
import { compilePointer, isJsonPointer } from "../../src/base/json_pointer.ts";
import type { JsonPointer } from "../../src/base/json_pointer.ts";

Deno.test("every example of RFC 6901 section 5 is read as it says", () => {
  const document: JsonValue = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
  };
  const examples: [JsonPointer, JsonValue][] = [
    ["", document],
    ["/foo", ["bar", "baz"]],
    ["/foo/0", "bar"],
    ["/", 0],
    ["/a~1b", 1],
    ["/c%d", 2],
    ["/e^f", 3],
    ["/g|h", 4],
    ["/i\\j", 5],
    ['/k"l', 6],
    ["/ ", 7],
    ["/m~0n", 8],
  ];
  for (const [pointer, value] of examples) {
    assert.deepEqual(compilePointer(pointer)(document), value, pointer);
  }
});

Deno.test("a pointer never finds what the document does not own", () => {
  const document: JsonValue = { list: ["a"], text: "abc", none: null };
  const absent: JsonPointer[] = [
    "/constructor",
    "/constructor/name",
    "/__proto__",
    "/__proto__/toString",
    "/toString",
    "/list/length",
    "/list/-",
    "/list/1",
    "/list/00",
    "/list/-1",
    "/list/1e0",
    "/list/at",
    "/text/length",
    "/text/0",
    "/none/x",
    "/missing/further",
  ];
  for (const pointer of absent) {
    assert.equal(compilePointer(pointer)(document), undefined, pointer);
  }
});

Deno.test("a property that is really called __proto__ is read as data", () => {
  const document: JsonValue = JSON.parse('{"__proto__": {"id": 7}}');
  assert.equal(compilePointer("/__proto__/id")(document), 7);
});

Deno.test("text that is no JSON Pointer is recognised and refused", () => {
  for (const text of ["user", "user/id", "/a~", "/a~2", "#/a", "$.user.id"]) {
    assert.equal(isJsonPointer(text), false, text);
    assert.throws(() => compilePointer(text as JsonPointer), TypeError, text);
  }
});

Deno.test("every value of every document is found by the pointer to it", () => {
  function* pointers(value: unknown, at: string): Generator<[string, unknown]> {
    yield [at, value];
    if (value === null || typeof value !== "object") return;
    for (const [key, inner] of Object.entries(value)) {
      yield* pointers(inner, `${at}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
    }
  }
  const key = fc.oneof(fc.string(), fc.constantFrom("~1", "~01", "/", "~", "", "0", "__proto__"));
  fc.assert(fc.property(
    fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue({ maxDepth: 1 }),
        fc.dictionary(key, tie("node"), { maxKeys: 4 }),
        fc.array(tie("node"), { maxLength: 4 }),
      ),
    })).node,
    (made) => {
      const document: JsonValue = JSON.parse(JSON.stringify(made));
      for (const [pointer, value] of pointers(document, "")) {
        assert.ok(isJsonPointer(pointer));
        assert.equal(compilePointer(pointer)(document), value);
      }
    },
  ));
});
