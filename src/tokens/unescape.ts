/**
 * Texts without their percent-encoding, and where in the original each character
 * stands.
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
  for (let layer = 0; layer < MAX_LAYERS && text.includes("%"); layer++) {
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
    if (text.charCodeAt(index) !== 0x25) continue;
    const code = Number.parseInt(text.slice(index + 1, index + 3), 16);
    if (!(code > 0x20 && code < 0x7f) || !isHex(text.charCodeAt(index + 2))) continue;
    unescaped += text.slice(kept, index) + String.fromCharCode(code);
    index += 2;
    kept = index + 1;
  }
  if (kept === 0) return null;
  moved[length] = origins === null ? text.length : origins[text.length] ?? text.length;
  return { text: unescaped + text.slice(kept), origins: moved.subarray(0, length + 1) };
}

/** `parseInt` stops where the number does, so the second digit is looked at by itself. */
function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}
