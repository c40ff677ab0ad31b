import fc from "fast-check";
import assert from "node:assert/strict";
import { readTarget } from "../../src/policy/target.ts";

function pathOf(target: string): string | null {
  const parsed = readTarget(`http://localhost${target}`);
  return "problem" in parsed ? null : parsed.path;
}

Deno.test("one spelling for one path, and the query untouched", () => {
  assert.equal(pathOf("/a/%7Euser/%2d"), "/a/~user/-");
  assert.equal(pathOf("/caf%c3%a9"), "/caf%C3%A9");
  assert.equal(pathOf(""), "/");
  const target = readTarget("http://h/a?b=%2F..%2f&c=//'\"<>|^`{}[]?");
  assert.ok(!("problem" in target));
  assert.equal(target.path, "/a");
  assert.equal(target.search, "?b=%2F..%2f&c=//'\"<>|^`{}[]?");
});

Deno.test("every unreserved character, sub-delim, colon and at sign is one, escaped or not", () => {
  for (const character of "AZaz09-._~!$&'()*+,=:@") {
    const code = character.charCodeAt(0).toString(16);
    assert.equal(pathOf(`/x%${code}y`), `/x${character}y`);
    assert.equal(pathOf(`/x%${code.toUpperCase()}y`), `/x${character}y`);
    assert.equal(pathOf(`/x${character}y`), `/x${character}y`);
  }
});

Deno.test("what browsers send as it is passes, and is one path with its escaped form", () => {
  assert.equal(pathOf("/src/routes/[slug]/+page.svelte"), "/src/routes/%5Bslug%5D/+page.svelte");
  assert.equal(
    pathOf("/src/routes/%5bslug%5d/+page.svelte"),
    pathOf("/src/routes/[slug]/+page.svelte"),
  );
  assert.equal(pathOf("/a|b^c"), "/a%7Cb%5Ec");
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
    "/a/..%3Bx/b",
    "/a/%252e%252e/b",
    "/a/..%20/b",
    "/a/%E2%80%8B../b",
    "/a/..%2fb",
    "/a%5cb",
    "/a%255cb",
    "/a\\b",
    "/a%00",
    "/a%2500",
    "/a%0d%0a",
    "/a%7f",
    "/a%C2%85",
    "/a%",
    "/a%zz",
    "/a%2",
    "/a%u0041",
    "/a b",
    "/ä",
    "/a#b",
    "/%25252e%25252e/",
    "/a/%2e",
    "/public/%2e%2e%2fadmin",
    "/a\u0000b",
    "/a?b c",
    "/a?b#c",
    "/a?ü",
    // Overlong, broken, surrogates, beyond Unicode; once and twice encoded.
    "/public/%C0%AE%C0%AE/admin",
    "/%C0%AF",
    "/%E0%80%AF",
    "/%F0%80%80%AF",
    "/%F8%80%80%80%AF",
    "/%C3",
    "/%C3%28",
    "/%C3a",
    "/%A9",
    "/%ED%A0%80",
    "/%F4%90%80%80",
    "/%25C0%25AE",
    "/%E9",
    // Gain a separator when folded.
    "/%EF%BC%8Fadmin",
    "/a%EF%BC%BCb",
    "/%EF%BC%8E%EF%BC%8E/a",
    "/%E2%80%A5/a",
    "/a%CD%BEb",
    "/%E2%84%85",
    "/%EF%BC%852e%EF%BC%852e/a",
  ];
  for (const target of ambiguous) assert.equal(pathOf(target), null, target);
});

Deno.test("ordinary file names of the world pass", () => {
  for (
    const name of [
      "caf%C3%A9.pdf",
      "%E6%97%A5%E6%9C%AC.txt",
      "to%20be%20continued%E2%80%A6.pdf",
      "what%3F.pdf",
      "100%25.txt",
      "%F0%9F%98%80",
      "a%2Bb",
      "report[1].pdf",
      "%C2%BD",
      "%E4%BD%95%EF%BC%9F.pdf",
      "v1.2.3",
      ".well-known",
      "...",
    ]
  ) {
    assert.notEqual(pathOf(`/files/${name}`), null, name);
  }
});

/** How backends are known to read a path. */
const READINGS: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => new URL(path, "http://h").pathname,
  (path) => decodeURIComponent(path),
  (path) => new URL(decodeURIComponent(path).replaceAll("\\", "/"), "http://h").pathname,
  (path) => decodeURIComponent(decodeURIComponent(path)),
  (path) => decodeURIComponent(path).normalize("NFKC"),
];

const piece = fc.constantFrom(
  ..."a admin public / // . .. %2e %2f %5c %25 %252e %252f ; ;x=1 \\ %00 % é %c3%a9 ~ %7e A".split(
    " ",
  ),
  ..."%3b %253B %C0%AE %EF%BC%8F %E2%80%A6 %E2%80%A5 %EF%BC%8E [ ] %5B | %40 @ %20 %C2%A0 ? #"
    .split(" "),
);

Deno.test("no reading of an accepted path leaves the folder that was matched", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const path = pathOf(`/public/${pieces.join("").replaceAll(/[?#]/g, "")}`);
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

Deno.test("what is sent is what was matched, also by a transport that parses URLs", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const path = pathOf(`/${pieces.join("")}`);
      // "//host" at the beginning is no path to a relative reference, but is one here.
      if (path !== null) assert.equal(new URL(`http://upstream${path}`).pathname, path);
    }),
    { numRuns: 20_000, seed: 3 },
  );
});
