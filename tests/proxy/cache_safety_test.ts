import fc from "fast-check";
import assert from "node:assert/strict";
import { isCdnVariant, privateCacheControl, withVary } from "../../src/proxy/cache_safety.ts";

Deno.test("an answer for one person ends up private or no-store, whatever the upstream said", () => {
  for (
    const [said, left] of [
      [null, "private"],
      ["", "private"],
      ["max-age=600", "max-age=600, private"],
      ["public, max-age=600", "max-age=600, private"],
      ["s-maxage=60, must-revalidate", "must-revalidate, private"],
      ["PUBLIC", "private"],
      ["no-store", "no-store"],
      ["Private, max-age=3", "Private, max-age=3"],
      ["no-transform", "no-transform, private"],
      ['private="set-cookie", max-age=9', 'private="set-cookie", max-age=9, private'],
      ['ext="a, no-store", max-age=9', 'ext="a, no-store", max-age=9, private'],
      ['ext="a, private', 'ext="a, private'],
    ] as const
  ) {
    assert.equal(privateCacheControl(said), left, String(said));
  }
});

Deno.test("no list of directives leaves a door open for a shared cache", () => {
  const directive = fc.oneof(
    fc.constantFrom("public", "s-maxage=9", "Public", "max-age=1", "no-cache", "private", "x"),
    fc.constantFrom('private="a"', 'x="private"', "no-store", "S-MAXAGE = 4", " public\t"),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(directive, { maxLength: 6 }), (directives) => {
      const left = privateCacheControl(directives.join(","));
      // As a cache reads it that knows no quotes, and as one does that does.
      const plain = left.split(",").map((each) => each.trim().toLowerCase());
      assert.ok(plain.includes("private") || plain.includes("no-store"), left);
      const unquoted = left.replace(/"(?:[^"\\]|\\.)*"/g, "").split(",").map((each) => each.trim());
      assert.ok(!unquoted.some((each) => /^(?:public|s-maxage\s*=.*)$/i.test(each)), left);
    }),
    { numRuns: 3_000, seed: 8 },
  );
});

Deno.test("what speaks past Cache-Control to the caches of a CDN is known", () => {
  for (
    const name of [
      "cdn-cache-control",
      "cloudflare-cdn-cache-control",
      "surrogate-control",
      "x-accel-expires",
      "edge-control",
    ]
  ) {
    assert.equal(isCdnVariant(name), true, name);
  }
  assert.equal(isCdnVariant("cache-control"), false);
  assert.equal(isCdnVariant("expires"), false);
});

Deno.test("Vary gets what decides who is asking, once", () => {
  assert.equal(withVary(null, ["Cookie"]), "Cookie");
  assert.equal(
    withVary("accept, COOKIE", ["Cookie", "Authorization"]),
    "accept, COOKIE, Authorization",
  );
  assert.equal(withVary("*", ["Cookie"]), "*");
});
