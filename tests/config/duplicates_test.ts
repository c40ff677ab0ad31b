import assert from "node:assert/strict";
import fc from "fast-check";
import { duplicateNames } from "../../src/config/duplicates.ts";
import { parseJson } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";

Deno.test("a setting that stands twice is refused, and named with its path", () => {
  const text = `{
    "origin": "https://a.example", "routes": [
      { "path": "/admin/*", "auth": "required", "upstream": "app", "auth": "none" },
      { "path": "/*", "require": { "scope": ["a", "b"], "sco\\u0070e": [] } }
    ],
    "upstreams": { "app": { "targets": [] }, "app": {} },
    "origin": "https://b.example"
  }`;
  assert.throws(() => parseJson(text, "postern.json"), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.problems.map((line) => line.split(":", 1)[0]), [
      "routes[0].auth",
      "routes[1].require.scope",
      "upstreams.app",
      "origin",
    ]);
    return true;
  });
});

Deno.test("names that stand once are no duplicates, whatever they and their values hold", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 2), (value, indent) => {
    const text = JSON.stringify(value, null, indent);
    assert.deepEqual(duplicateNames(text), []);
    assert.deepEqual(duplicateNames(`{"a":${text},"b":[${text}],"a":${text}}`), ["a"]);
  }));
});
