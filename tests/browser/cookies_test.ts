import fc from "fast-check";
import assert from "node:assert/strict";
import { ClaimsTooLargeError } from "../../src/base/errors.ts";
import { createCookieJar, setsOwnCookie } from "../../src/browser/cookies.ts";

const jar = createCookieJar({ secure: true });
const plainJar = createCookieJar({ secure: false });
const NOW = 1_999_999_000_000;
const pair = (access: string) => ({
  access,
  refresh: "r",
  accessExpiresAtSeconds: 2_000_000_000,
  refreshExpiresAtSeconds: 2_000_000_000,
});

Deno.test("what is issued is read back, whatever stands around it", () => {
  const other = fc.tuple(
    fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,12}$/).filter((name) => !name.includes("postern-")),
    fc.stringMatching(/^[A-Za-z0-9_.=-]{0,12}$/),
  ).map(([name, value]) => `${name}=${value}`);
  fc.assert(
    fc.property(fc.array(other, { maxLength: 6 }), fc.nat(6), (others, at) => {
      const ours = jar.issue(pair("a.b.c"), "v1.x", NOW, false).map((cookie) =>
        cookie.split(";", 1)[0]
      );
      const all = [...others.slice(0, at), ...ours, ...others.slice(at)];
      const header = all.join("; ");
      assert.deepEqual(jar.read(header), {
        access: "a.b.c",
        refresh: "r",
        csrf: "v1.x",
        device: null,
        conflicting: false,
      });
      const rest = jar.strip(header);
      assert.equal(
        rest,
        others.length === 0 ? null : others.join("; "),
        "the others cross untouched",
      );
    }),
    { numRuns: 2_000, seed: 7 },
  );
});

Deno.test("nothing of ours is ever left after stripping, however it is spelled", () => {
  const name = fc.constantFrom(
    "postern-access",
    "__Host-postern-access",
    "postern-refresh",
    "__Host-postern-csrf",
    "a",
    "__Host-a",
    " postern-access",
    "x=postern-csrf",
    ",postern-access",
  );
  const glue = fc.constantFrom(";", "; ", ",", ", ", ";;", " ; ");
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(name, fc.constantFrom("=", " = ", "=="), fc.constantFrom("SECRET", "x"), glue),
        { maxLength: 6 },
      ),
      (parts) => {
        const header = parts.map(([key, equals, value, end]) => key + equals + value + end).join(
          "",
        );
        const rest = jar.strip(header) ?? "";
        assert.doesNotMatch(rest, /postern-(access|refresh|csrf)/);
      },
    ),
    { numRuns: 5_000, seed: 8 },
  );
});

Deno.test("a tossed cookie makes the request ambiguous, the same value twice does not", () => {
  assert.equal(jar.read("__Host-postern-access=a; __Host-postern-access=b").conflicting, true);
  assert.equal(jar.read("__Host-postern-access=a; __Host-postern-access=a").conflicting, false);
  assert.equal(
    jar.read("postern-access=tossed").access,
    null,
    "the name without its prefix is nobody's",
  );
  assert.equal(plainJar.read("postern-access=a").access, "a");
});

Deno.test("cookies are cleared with every attribute that they were set with", () => {
  for (const each of [jar, plainJar]) {
    const attributes = (cookie: string) =>
      cookie.split("; ").slice(1).filter((part) => !part.startsWith("Max-Age")).sort();
    const issued = each.issue(pair("a"), "c", NOW, true);
    const cleared = each.clear();
    issued.forEach((cookie, index) => {
      assert.deepEqual(attributes(cleared[index] ?? ""), attributes(cookie));
      assert.equal(cookie.split("=", 1)[0], cleared[index]?.split("=", 1)[0]);
      assert.match(cleared[index] ?? "", /Max-Age=0/);
    });
  }
  assert.match(
    jar.issue(pair("a"), "c", NOW, false)[0] ?? "",
    /^__Host-postern-access=a; .*HttpOnly; Secure; SameSite=Lax|Secure/,
  );
});

Deno.test("a cookie that no browser would take is refused before anything is set", () => {
  assert.throws(() => jar.issue(pair("a".repeat(4_100)), "c", NOW, false), (error: unknown) => {
    assert.ok(error instanceof ClaimsTooLargeError);
    assert.match(error.message, /__Host-postern-access would be 4\d+ bytes.*identity\.claims/);
    return true;
  });
});

Deno.test("an upstream can set any cookie but ours", () => {
  for (
    const cookie of [
      "__Host-postern-access=x; Path=/",
      "postern-csrf=x",
      " postern-refresh =x",
      "=postern-access=x",
      "\xa0__Host-postern-access=x",
      "x=__Host-postern-access=x",
      "__HOST-POSTERN-ACCESS=x",
      "postern-device=x; Path=/",
    ]
  ) {
    assert.equal(setsOwnCookie(cookie), true, cookie);
  }
  for (const cookie of ["sid=1; Path=/postern-access", "postern-theme=dark", "a=b"]) {
    assert.equal(setsOwnCookie(cookie), false, cookie);
  }
});

/** Every character that a header could hold, whatever the runtime decodes it to. */
function everyCharacter(): string[] {
  return Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code));
}

Deno.test("a name with anything at all around it is not ours, and goes no further", () => {
  for (const character of everyCharacter()) {
    for (const each of [jar, plainJar]) {
      const exact = each === jar ? "__Host-postern-access" : "postern-access";
      for (const name of [character + exact, exact + character]) {
        const read = each.read(`${name}=t`);
        const isOurs = [" ", "\t", ";"].includes(character) ||
          (character === "=" && name.startsWith(exact));
        // "=" behind the name is the one that ends it; the token would begin with "=".
        const expected = isOurs && character === "=" ? "=t" : isOurs ? "t" : null;
        const isCut = character === ";" && name.endsWith(";");
        assert.equal(
          read.access,
          isCut ? null : expected,
          `U+${character.charCodeAt(0).toString(16)}`,
        );
        assert.equal(read.conflicting, false);
        const rest = each.strip(`a=1; ${name}=t; b=2`) ?? "";
        assert.ok(!rest.includes("postern-access"), rest);
        assert.ok(rest.startsWith("a=1") && rest.endsWith("b=2"), rest);
      }
    }
  }
});

Deno.test("what merely mentions our names locks nobody out", () => {
  const ours = "__Host-postern-access=mine";
  for (
    const planted of [
      "x=__Host-postern-access=1",
      "\xa0__Host-postern-access=other",
      "postern-access=other",
      "__host-postern-access=other",
      '"__Host-postern-access"=other',
      "a=b, __Host-postern-access=c",
      "$__Host-postern-access=other",
      "__Host-postern-device=one; __Host-postern-device=two",
    ]
  ) {
    for (const header of [`${planted}; ${ours}`, `${ours}; ${planted}`]) {
      const read = jar.read(header);
      assert.equal(read.access, "mine", header);
      assert.equal(read.conflicting, false, header);
      assert.equal(jar.strip(header), null, header);
    }
  }
});
