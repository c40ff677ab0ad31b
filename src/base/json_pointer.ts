/**
 * JSON Pointers ({@link https://www.rfc-editor.org/rfc/rfc6901 | RFC 6901}),
 * for reading values out of what an identity source answers.
 *
 * @module
 */
import type { JsonValue } from "./json.ts";

/** A pointer into a JSON document: `""` is the whole of it, `"/user/id"` a part. */
export type JsonPointer = "" | `/${string}`;

/** Reads the value a pointer names, or `undefined` where the document has none. */
export type JsonReader = (document: JsonValue) => JsonValue | undefined;

/** The grammar of RFC 6901 section 3: "~" stands only before "0" or "1". */
export const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;
// Section 4: no leading zeros, and "-" (past the end) never names a value.
const ARRAY_INDEX = /^(?:0|[1-9]\d{0,8})$/;

/** Whether a string is a {@link JsonPointer} by the grammar of RFC 6901 section 3. */
export function isJsonPointer(text: string): text is JsonPointer {
  return POINTER.test(text);
}

/**
 * Prepares a pointer once for many readings.
 *
 * @throws TypeError when the text is no JSON Pointer
 */
export function compilePointer(pointer: JsonPointer): JsonReader {
  if (!isJsonPointer(pointer)) {
    throw new TypeError(`"${pointer}" is not a JSON Pointer such as "/user/id"`);
  }
  // "~1" before "~0": the other order would turn "~01" into "/" (section 4).
  const steps = pointer.split("/").slice(1).map((step) =>
    step.replaceAll("~1", "/").replaceAll("~0", "~")
  );
  return (document) => {
    let value: JsonValue | undefined = document;
    for (const step of steps) {
      if (value === undefined) return undefined;
      value = child(value, step);
    }
    return value;
  };
}

function child(value: JsonValue, step: string): JsonValue | undefined {
  if (isArray(value)) return ARRAY_INDEX.test(step) ? value[Number(step)] : undefined;
  if (value === null || typeof value !== "object") return undefined;
  // Own properties only: "/constructor/name" must not find the language's objects.
  return Object.hasOwn(value, step) ? value[step] : undefined;
}

// `Array.isArray` alone does not narrow a union with a read-only array.
function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
