/**
 * base64url without padding (RFC 7515 §2), in its one spelling.
 *
 * @module
 */

/** The value of each character, 255 for what is none. */
const VALUES = new Uint8Array(128).fill(255);
Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
  .forEach((character, value) => VALUES[character.charCodeAt(0)] = value);

/** Whether a character code is one of base64url's. */
export function isBase64urlCode(code: number): boolean {
  return code < 128 && VALUES[code] !== 255;
}

/**
 * Whether a text is base64url in its canonical form: without padding, of a possible
 * length, and with the unused bits of its last character zero (RFC 4648 §3.5).
 * Otherwise up to sixteen texts stand for the same bytes, and a signature or token
 * can be written in ways that compare as different.
 */
export function isCanonicalBase64url(text: string): boolean {
  const rest = text.length % 4;
  if (rest === 1) return false;
  for (let index = 0; index < text.length; index++) {
    if (!isBase64urlCode(text.charCodeAt(index))) return false;
  }
  if (rest === 0) return true;
  const last = VALUES[text.charCodeAt(text.length - 1)] ?? 255;
  return (last & (rest === 2 ? 0b1111 : 0b11)) === 0;
}

/** The bytes of a canonical base64url text, or `null`. */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | null {
  return isCanonicalBase64url(text) ? Uint8Array.fromBase64(text, { alphabet: "base64url" }) : null;
}
