/**
 * Parts of a session record as the text that adapters keep.
 *
 * @module
 */
import { StoreUnavailableError } from "../base/errors.ts";
import type { JsonValue, SubjectClaims } from "../base/json.ts";
import type { KeyBinding } from "../base/session.ts";

/** Reads claims back; throws {@link StoreUnavailableError} when the text is none of ours. */
export function parseClaims(text: string): SubjectClaims {
  const value = parse(text);
  if (!isObject(value)) throw new StoreUnavailableError("the store holds claims that are none");
  return value;
}

/** Reads the names of groups back; throws as {@link parseClaims}. */
export function parseGroups(text: string): readonly string[] {
  const value = parse(text);
  if (!Array.isArray(value) || !value.every((name) => typeof name === "string")) {
    throw new StoreUnavailableError("the store holds groups that are none");
  }
  return value;
}

/** Reads a key binding back; throws as {@link parseClaims}. */
export function parseBound(text: string): KeyBinding {
  const value = parse(text);
  if (isObject(value)) {
    const { jkt, by } = value;
    if (typeof jkt === "string" && (by === "dbsc" || by === "script" || by === "dpop")) {
      return { jkt, by };
    }
  }
  throw new StoreUnavailableError("the store holds a key binding that is none");
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StoreUnavailableError("the store holds what is no JSON", { cause: error });
  }
}

function isObject(value: JsonValue): value is SubjectClaims {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
