import fc from "fast-check";
import assert from "node:assert/strict";
import { foldName, holdsControl } from "../../src/sign_in/name.ts";
import { countSteps } from "../support/steps.ts";

Deno.test("names that a database holds equal are folded to one", () => {
  const same: readonly (readonly string[])[] = [
    // MariaDB 10.11 was seen to say that each of these is `= 'root'` in some collation.
    [
      ..."root ROOT r\u00f3ot ro\u00f4t roo\u0301t ro\u00adot ro\u200bot ro\u034fot root\ufe0f"
        .split(" "),
      "ro\u{e0041}ot",
      "ro\u0000ot",
      "ro\u0007ot",
      " root ",
      "root\u3000",
      "\uff52\uff4f\uff4f\uff54",
      "\u{1d42b}oot",
      "r\u00f8ot",
      "\u0280oot".replace("\u0280", "R"),
    ],
    ["user1", "user\uff11", "user\u0661", "user\u00b9"],
    ["strasse", "stra\u00dfe", "STRASSE", "strase"],
    ["aesir", "\u00e6sir", "\u00c6sir"],
    ["\u03c3\u03c3", "\u03a3\u03c2"],
    ["\u30ab\u30bf", "\u304b\u305f", "\uff76\uff80"],
    ["a b", "a\u00a0b", "a  b", " a\tb"],
    ["x\u{1f600}", "x\u{1f601}"],
    ["\u0131", "I", "i", "\u0130"],
  ];
  for (const names of same) {
    const folded = new Set(names.map(foldName));
    assert.equal(folded.size, 1, JSON.stringify([...folded]));
  }
});

Deno.test("other names stay other names", () => {
  const names = [
    "root",
    "toor",
    "roo",
    "root2",
    "ada@example.com",
    "ada@example.org",
    "\u674e",
    "\u738b",
  ];
  assert.equal(new Set(names.map(foldName)).size, names.length);
});

Deno.test("folding twice is folding once, whatever stands in a name and however it is cased", () => {
  const unit = fc.constantFrom(
    ..."a A s S \u00df \u00e9 e\u0301 \u0345 \u200d \u00ad \u3000 \u0131 \u0130 \u212a \ufb03 \u{1d400} \u{1f600} \u0661 \u00e6 \u0000"
      .split(" "),
    " ",
  );
  fc.assert(
    fc.property(
      fc.string({ unit: fc.oneof(unit, fc.string({ maxLength: 1 })), maxLength: 12 }),
      (name) => {
        const folded = foldName(name);
        assert.equal(foldName(folded), folded);
        for (const other of [name.normalize("NFC"), name.normalize("NFD"), ` ${name}\u200b`]) {
          assert.equal(foldName(other), folded);
        }
      },
    ),
    { numRuns: 5_000, seed: 9 },
  );
});

Deno.test("folding takes time that grows with the length, not its square", () => {
  for (const piece of ["\u0315\u0300", "s", " ", "\u00f8", "\ufdfa", "\u{1f600}"]) {
    const steps = (length: number) =>
      countSteps(() => void foldName(piece.repeat(Math.ceil(length / piece.length))));
    // Once for what is remembered of a letter.
    steps(64);
    const small = steps(4 * 1024);
    const large = steps(16 * 1024);
    assert.ok(large < small * 4.5 + 1_000, `${piece}: ${small}, ${large}`);
  }
});

Deno.test("control characters are seen", () => {
  for (const name of ["a\0", "\u0007a", "a\u007f", "a\u0085", "\n"]) assert.ok(holdsControl(name));
  for (const name of ["ada", "\u00e9", "a b", "\u200b"]) assert.ok(!holdsControl(name));
});
