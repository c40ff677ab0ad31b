/**
 * Percent-encoding (RFC 3986 §2.1): one layer of it at a time, and strictly
 * UTF-8, so that no decoder finds a character in a path that we did not see.
 *
 * @module
 */

/** A text with one layer of escapes taken off, or why that can not be done. */
export type Decoded =
  | { readonly text: string; readonly changed: boolean }
  | { readonly problem: string };

/** The value of a hexadecimal digit, or -1. */
export function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The byte of an escape that begins at `index`, or -1 when there is none. */
export function escapeAt(text: string, index: number): number {
  if (index + 2 >= text.length) return -1;
  const high = hexValue(text.charCodeAt(index + 1));
  const low = hexValue(text.charCodeAt(index + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/**
 * Takes one layer of escapes off. A `%` that begins none is left alone, as
 * decoders do. Escapes that are not UTF-8 (RFC 3629: overlong forms, surrogates,
 * broken sequences) are a problem, and so is what must not stand in a path in any
 * reading: control characters and backslashes. `%uXXXX` is what IIS understands.
 */
export function decodeLayer(text: string): Decoded {
  let decoded = "";
  let kept = 0;
  let index = text.indexOf("%");
  if (index < 0) return { text, changed: false };
  while (index >= 0) {
    const found = characterAt(text, index);
    if (found === null) {
      index = text.indexOf("%", index + 1);
      continue;
    }
    if ("problem" in found) return found;
    const { codePoint, end } = found;
    if (isControl(codePoint)) return { problem: "The path holds an encoded control character." };
    if (codePoint === 0x5c) return { problem: "The path holds an encoded backslash." };
    decoded += text.slice(kept, index) + String.fromCodePoint(codePoint);
    kept = end;
    index = text.indexOf("%", end);
  }
  return { text: decoded + text.slice(kept), changed: kept > 0 };
}

type Character =
  | { readonly codePoint: number; readonly end: number }
  | { readonly problem: string };

const NOT_UTF8 = { problem: "The path holds an encoding that is not UTF-8." } as const;

function characterAt(text: string, index: number): Character | null {
  const lead = escapeAt(text, index);
  if (lead < 0) return unicodeEscapeAt(text, index);
  if (lead < 0x80) return { codePoint: lead, end: index + 3 };
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return NOT_UTF8;
  let codePoint = lead & (0x7f >> length);
  for (let part = 1; part < length; part++) {
    const at = index + part * 3;
    const byte = text.charCodeAt(at) === 0x25 ? escapeAt(text, at) : -1;
    if ((byte & 0xc0) !== 0x80 || byte < 0) return NOT_UTF8;
    codePoint = codePoint * 64 + (byte & 0x3f);
  }
  const isOverlong = codePoint < (length === 4 ? 0x10000 : length === 3 ? 0x800 : 0x80);
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
  if (isOverlong || isSurrogate || codePoint > 0x10ffff) return NOT_UTF8;
  return { codePoint, end: index + length * 3 };
}

function unicodeEscapeAt(text: string, index: number): Character | null {
  if ((text.charCodeAt(index + 1) | 0x20) !== 0x75) return null;
  let codePoint = 0;
  for (let digit = 0; digit < 4; digit++) {
    const value = hexValue(text.charCodeAt(index + 2 + digit));
    if (!(value >= 0)) return null;
    codePoint = codePoint * 16 + value;
  }
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
  return isSurrogate ? NOT_UTF8 : { codePoint, end: index + 6 };
}

/** C0, DEL and C1. */
function isControl(codePoint: number): boolean {
  return codePoint < 0x20 || (codePoint >= 0x7f && codePoint <= 0x9f);
}
