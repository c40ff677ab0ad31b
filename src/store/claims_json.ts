/**
 * Claims as the text that adapters keep.
 *
 * @module
 */
import { StoreUnavailableError } from "../base/errors.ts";
import type { JsonValue, SubjectClaims } from "../base/json.ts";

/** Reads claims back; throws {@link StoreUnavailableError} when the text is none of ours. */
export function parseClaims(text: string): SubjectClaims {
  const value = parse(text);
  if (!isObject(value)) throw new StoreUnavailableError("the store holds claims that are none");
  return value;
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StoreUnavailableError("the store holds claims that are no JSON", { cause: error });
  }
}

function isObject(value: JsonValue): value is SubjectClaims {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
