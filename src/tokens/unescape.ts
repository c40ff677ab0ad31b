/**
 * Texts without their escapes (`%65` of URLs, `\u0065` and `\x65` of JSON and
 * scripts), and where in the original each character stands.
 *
 * @module
 */

/** A text whose escapes of visible ASCII were taken off. */
export interface Unescaped {
  readonly text: string;
  /** Where in the original the character at `index` begins. */
  origin(index: number): number;
}

/** Nested deeper than this, nobody decodes it. */
const MAX_LAYERS = 4;

/** Takes the escapes off, layer by layer. */
export function createUnescaped(original: string): Unescaped {
  let text = original;
  let origins: Uint32Array | null = null;
  for (let layer = 0; layer < MAX_LAYERS && hasEscapes(text); layer++) {
    const next = unescapeLayer(text, origins);
    if (next === null) break;
    ({ text, origins } = next);
  }
  return { text, origin: (index) => origins === null ? index : origins[index] ?? original.length };
}

function unescapeLayer(
  text: string,
  origins: Uint32Array | null,
): { readonly text: string; readonly origins: Uint32Array } | null {
  const moved = new Uint32Array(text.length + 1);
  let unescaped = "";
  let kept = 0;
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    moved[length++] = origins === null ? index : origins[index] ?? index;
    const mark = markLength(text, index);
    if (mark === 0) continue;
    const digits = index + mark;
    const code = Number.parseInt(text.slice(digits, digits + 2), 16);
    if (!(code > 0x20 && code < 0x7f) || !isHex(text.charCodeAt(digits + 1))) continue;
    unescaped += text.slice(kept, index) + String.fromCharCode(code);
    index = digits + 1;
    kept = digits + 2;
  }
  if (kept === 0) return null;
  moved[length] = origins === null ? text.length : origins[text.length] ?? text.length;
  return { text: unescaped + text.slice(kept), origins: moved.subarray(0, length + 1) };
}

function hasEscapes(text: string): boolean {
  return text.includes("%") || text.includes("\\");
}

/** How many characters stand before the two digits of an escape; 0: none begins here. */
function markLength(text: string, index: number): number {
  const code = text.charCodeAt(index);
  if (code === 0x25) return 1;
  if (code !== 0x5c) return 0;
  if (text.startsWith("\\x", index)) return 2;
  return text.startsWith("\\u00", index) ? 4 : 0;
}

/** `parseInt` stops where the number does, so the second digit is looked at by itself. */
function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}
