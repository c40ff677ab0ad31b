/**
 * User names, as coarsely as any database might compare them.
 *
 * @module
 */

/** Longer than any name; folding one takes a millisecond. */
export const MAX_NAME_LENGTH = 1024;

/** Accents, what is not seen, and control characters: collations pass over them. */
const PASSED_OVER = /[\p{M}\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}]/gu;
const SPACE = /\p{White_Space}/u;
const DIGIT = /\p{Nd}/u;

const LATIN = /\p{Script=Latin}/u;
const BASES = [...Array.from("abcdefghijklmnopqrstuvwxyz"), "ae", "oe"];

/**
 * Folds a name so that any two that some database holds equal are equal: MySQL's
 * `general_ci`, `unicode_ci` and `0900_ai_ci`, MariaDB's `uca1400`, case-insensitive
 * columns elsewhere, and whatever trims. Two different people may well share a
 * folded name (`jess` and `jes`); it only says which counter they share.
 *
 * Character by character: sorting the marks of a long run, as normalising a whole
 * text would, takes the square of its length.
 */
export function foldName(name: string): string {
  let folded = "";
  let last = "";
  for (const character of name) {
    for (const part of foldCharacter(character)) {
      // Spaces in a row are one; `ß` is `ss` to some and `s` to others.
      if (part === last && (part === " " || part === "s")) continue;
      folded += part;
      last = part;
    }
  }
  return folded.trim();
}

/** Whether a name holds a control character: what reads it as a C string ends it there. */
export function holdsControl(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}

function foldCharacter(character: string): string {
  const form = SPACE.test(character)
    ? " "
    : character.normalize("NFKD").replace(PASSED_OVER, "").toLowerCase().toUpperCase()
      .toLowerCase();
  return Array.from(form, baseOf).join("");
}

function baseOf(character: string): string {
  const codePoint = character.codePointAt(0) ?? 0;
  if (codePoint < 0x80) return character;
  if (SPACE.test(character)) return " ";
  if (DIGIT.test(character)) return String(digitValue(codePoint));
  // Older collations hold everything beyond the first plane equal.
  if (codePoint > 0xffff) return "\ufffd";
  if (codePoint >= 0x30a1 && codePoint <= 0x30f6) return String.fromCodePoint(codePoint - 0x60);
  return LATIN.test(character) ? latinBase(character) : character;
}

/** Remembered, because comparing is slow; there are some 1,500 Latin letters in all. */
const latinBases = new Map<string, string>();
let baseLetters: Intl.Collator | null = null;

/** The letters that a Latin letter is a variant of: `ø` is an `o`, `æ` is `ae`. */
function latinBase(letter: string): string {
  const known = latinBases.get(letter);
  if (known !== undefined) return known;
  // Orders by base letters alone (Unicode Technical Standard 10), as `…_ai_ci` collations do.
  baseLetters ??= new Intl.Collator("und", { sensitivity: "base" });
  const { compare } = baseLetters;
  const base = BASES.find((each) => compare(each, letter) === 0) ?? letter;
  latinBases.set(letter, base);
  return base;
}

/** Decimal digits come in runs of ten that begin with zero (Unicode Standard, 4.6). */
function digitValue(codePoint: number): number {
  let zero = codePoint;
  while (codePoint - zero < 9 && DIGIT.test(String.fromCodePoint(zero - 1))) zero--;
  return codePoint - zero;
}
