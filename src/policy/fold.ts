/**
 * One character as the loosest backend might read it: without its accents, in
 * lower case, in its compatibility form, or not at all.
 *
 * @module
 */

/** What a character may be taken for, or why it must not stand in a path. */
export type FoldedCharacter = string | { readonly problem: string };

/** Marks, and what is not seen: the name looks and often compares equal without them. */
const UNSEEN = /[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;

/** An ellipsis is ordinary in file names; the dots that it gains are looked at where they stand. */
const ELLIPSES: ReadonlySet<number> = new Set([0x2026, 0xfe19]);

/** Characters remembered, by the low bits of their code point: bounded, whatever is asked. */
const SLOTS = 1024;
const codePoints = new Uint32Array(SLOTS);
const folded: FoldedCharacter[] = [];

/**
 * Folds one character beyond ASCII (never more: sorting the marks of a long run, as
 * normalising a whole text would, takes the square of its length). A character whose compatibility form (NFKD, Unicode Standard
 * Annex 15) is or holds a separator, a dot or `;` is a problem: `／admin`.
 */
export function foldCharacter(codePoint: number): FoldedCharacter {
  const slot = codePoint % SLOTS;
  const known = folded[slot];
  if (known !== undefined && codePoints[slot] === codePoint) return known;
  const fresh = fold(codePoint);
  codePoints[slot] = codePoint;
  folded[slot] = fresh;
  return fresh;
}

function fold(codePoint: number): FoldedCharacter {
  const form = String.fromCodePoint(codePoint).normalize("NFKD");
  const gained = ELLIPSES.has(codePoint) ? "/\\;" : "/\\;.";
  for (const separator of gained) {
    if (form.includes(separator)) {
      return { problem: `The path holds a character that can be read as "${separator}".` };
    }
  }
  // By way of the upper case: "ı" and "ſ" are "I" and "S" there.
  return form.replace(UNSEEN, "").toLowerCase().toUpperCase().toLowerCase();
}

/** Characters that code pages of Windows turn into separators ("best fit"). */
const BEST_FIT_SLASHES: ReadonlySet<number> = new Set([0x2044, 0x2215, 0x2216, 0xa5, 0x20a9]);

/** Whether some Windows would read this character as a slash or a backslash. */
export function isBestFitSlash(codePoint: number): boolean {
  return BEST_FIT_SLASHES.has(codePoint);
}
