/**
 * JSON from a source that may be hostile.
 *
 * @module
 */
import type { JsonValue } from "../base/json.ts";

/**
 * Deepest nesting that is taken. The parser itself manages far more, but what it
 * returns is later put into tokens by encoders that recurse: their stack is the limit.
 */
const MAX_DEPTH = 64;

/** The JSON value of some UTF-8 bytes, or `null` when they hold none, or one nested too deeply. */
export function parseJson(bytes: Uint8Array<ArrayBuffer>): { readonly value: JsonValue } | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const value: JsonValue = JSON.parse(text);
    return nestsWithin(value, MAX_DEPTH) ? { value } : null;
  } catch {
    // The engine's own message quotes the text, which may well hold a token.
    return null;
  }
}

function nestsWithin(value: JsonValue, depth: number): boolean {
  if (value === null || typeof value !== "object") return true;
  return depth > 0 && Object.values(value).every((inner) => nestsWithin(inner, depth - 1));
}
