import fc from "fast-check";
import assert from "node:assert/strict";
import { CookieTooLargeError, createCookieJar, setsOwnCookie } from "../../src/browser/cookies.ts";

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
      const ours = jar.issue(pair("a.b.c"), "v1.x", NOW).map((cookie) => cookie.split(";", 1)[0]);
      const all = [...others.slice(0, at), ...ours, ...others.slice(at)];
      const header = all.join("; ");
      assert.deepEqual(jar.read(header), {
        access: "a.b.c",
        refresh: "r",
        csrf: "v1.x",
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
        assert.doesNotMatch(rest, /postern-(access|refresh|csrf)\s*=/);
      },
    ),
    { numRuns: 5_000, seed: 8 },
  );
});

Deno.test("a tossed cookie makes the request ambiguous, the same value twice does not", () => {
  assert.equal(jar.read("__Host-postern-access=a; __Host-postern-access=b").conflicting, true);
  assert.equal(jar.read("__Host-postern-access=a; __Host-postern-access=a").conflicting, false);
  assert.equal(jar.read("a=b, __Host-postern-access=c").conflicting, true, "two lines joined");
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
    const issued = each.issue(pair("a"), "c", NOW);
    const cleared = each.clear();
    issued.forEach((cookie, index) => {
      assert.deepEqual(attributes(cleared[index] ?? ""), attributes(cookie));
      assert.equal(cookie.split("=", 1)[0], cleared[index]?.split("=", 1)[0]);
      assert.match(cleared[index] ?? "", /Max-Age=0/);
    });
  }
  assert.match(
    jar.issue(pair("a"), "c", NOW)[0] ?? "",
    /^__Host-postern-access=a; .*HttpOnly; Secure; SameSite=Lax|Secure/,
  );
});

Deno.test("a cookie that no browser would take is refused before anything is set", () => {
  assert.throws(() => jar.issue(pair("a".repeat(4_100)), "c", NOW), (error: unknown) => {
    assert.ok(error instanceof CookieTooLargeError);
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
    ]
  ) {
    assert.equal(setsOwnCookie(cookie), true, cookie);
  }
  for (const cookie of ["sid=postern-access=x", "postern-theme=dark", "a=b"]) {
    assert.equal(setsOwnCookie(cookie), false, cookie);
  }
});
