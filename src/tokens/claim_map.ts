/**
 * Turns the JSON of an identity source into a subject and its claims.
 *
 * @module
 */
import type { JsonValue, SubjectClaims } from "../base/json.ts";
import { compilePointer } from "../base/json_pointer.ts";
import type { JsonPointer } from "../base/json_pointer.ts";

/**
 * Claims that only Postern itself writes. A source that could set one of them
 * could prolong a token, move it to another session or change its type.
 */
export const RESERVED_CLAIMS: ReadonlySet<string> = new Set([
  "iss",
  "aud",
  "sub",
  "sid",
  "jti",
  "iat",
  "exp",
  "nbf",
  "token_type",
  "grp",
  "cnf",
]);

/** Longest subject in UTF-16 units (OpenID Connect Core 1.0 section 2, `sub`). */
export const MAX_SUBJECT_LENGTH = 255;

// RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/;
const CONTROL_CHARACTER = /\p{Cc}/u;

/**
 * The subject a JSON value stands for, or `null` when it is unusable: neither a
 * string nor a whole number, empty, longer than {@link MAX_SUBJECT_LENGTH}, or
 * not the same text again after a header or a JSON encoder has carried it.
 */
export function toSubject(value: JsonValue | undefined): string | null {
  // Beyond 2^53 a parsed number may stand for its neighbour: two people, one subject.
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : null;
  if (typeof value !== "string") return null;
  const usable = value !== "" && value.length <= MAX_SUBJECT_LENGTH &&
    // Header values lose outer white space: " admin" would arrive as "admin".
    value === value.trim() && value.isWellFormed() && !CONTROL_CHARACTER.test(value);
  return usable ? value : null;
}

/**
 * Prepares the question whether a subject is written like one of another source
 * (`source|sub`): a source that lets people choose how they are called must not let
 * them choose to be somebody else's.
 */
export function createIsOfOthers(
  sources: readonly string[],
): (subject: string) => boolean {
  const heads = sources.map((source) => `${source}|`);
  return (subject) => heads.some((head) => subject.startsWith(head));
}

/**
 * Prepares a claim mapping. What it returns reads the mapped claims out of a
 * document; a claim that is not there is left out, as are
 * {@link RESERVED_CLAIMS}. `scope` becomes a space-separated string
 * ({@link https://www.rfc-editor.org/rfc/rfc6749#section-3.3 | RFC 6749 section 3.3}).
 */
export function compileClaims(
  pointers: Readonly<Record<string, JsonPointer>>,
): (document: JsonValue) => SubjectClaims {
  const readers = Object.entries(pointers)
    .filter(([name]) => !RESERVED_CLAIMS.has(name))
    .map(([name, pointer]) => ({ name, read: compilePointer(pointer) }));
  return (document) => {
    const claims: [string, JsonValue][] = [];
    for (const { name, read } of readers) {
      const found = read(document);
      const value = name === "scope" ? toScope(found) : found;
      if (value !== undefined) claims.push([name, value]);
    }
    // `fromEntries` defines properties, so a claim called "__proto__" is only a claim.
    return Object.fromEntries(claims);
  };
}

/**
 * A list is never split further: an entry such as "read admin" is one broken
 * token to be dropped, not two scopes to be granted.
 */
function toScope(value: JsonValue | undefined): string | undefined {
  const tokens = typeof value === "string" ? value.split(" ") : value;
  if (!Array.isArray(tokens)) return undefined;
  const valid = tokens.filter((token) => typeof token === "string" && SCOPE_TOKEN.test(token));
  return [...new Set(valid)].join(" ");
}
