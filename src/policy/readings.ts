/**
 * The ways in which a backend may read a path: after taking off one or more
 * layers of escapes, without `;` parameters (Tomcat, Spring), in lower case
 * (Express, IIS), without spaces and dots at the end of a segment (Windows, .NET),
 * without its first segment where it begins with two slashes (Node), with slashes
 * collapsed (nginx), without a trailing slash (most frameworks), without the suffix of
 * its last segment (Rails, Spring). All of them must lead to the same decision, or the
 * path is refused.
 *
 * @module
 */
import { foldCharacter, isBestFitSlash } from "./fold.ts";
import { decodeLayer, escapeAt } from "./percent.ts";

/** Escapes nested deeper than this are an attack, not a path. */
const MAX_LAYERS = 4;

/** How else a path may be read. Paths of folded segments, without a trailing slash. */
export interface Readings {
  /** Must all lead where the path itself leads. */
  readonly whole: readonly string[];
  /** Without the last segment's suffix: must not lead to another, earlier route. */
  readonly suffixless: readonly string[];
  /** Whether a reading has slashes that the path has not: `%2F`. */
  readonly encodedSlash: boolean;
}

/**
 * Reads a canonical path in every way, or says why one of them must not be: it
 * holds dot segments, control characters, a backslash, or what is no UTF-8.
 */
export function readingsOf(path: string): Readings | { readonly problem: string } {
  const whole = new Set<string>();
  const suffixless = new Set<string>();
  const slashes = countSlashes(path);
  let encodedSlash = false;
  let text = path;
  for (let layer = 0; layer <= MAX_LAYERS; layer++) {
    const problem = addReadings(text, whole, suffixless);
    if (problem !== null) return { problem };
    const decoded = decodeLayer(text);
    if ("problem" in decoded) return decoded;
    if (!decoded.changed) {
      return { whole: [...whole], suffixless: [...suffixless], encodedSlash };
    }
    text = decoded.text;
    encodedSlash ||= countSlashes(text) !== slashes;
  }
  return { problem: "The path is percent-encoded too many times." };
}

/** The readings of one layer. Several, because folding can change where segments begin. */
function addReadings(text: string, whole: Set<string>, suffixless: Set<string>): string | null {
  const folded = foldText(text);
  if (typeof folded !== "string") return folded.problem;
  const texts = [folded];
  const slashed = withBestFitSlashes(text);
  if (slashed !== null) {
    const read = foldText(slashed);
    if (typeof read !== "string") return read.problem;
    texts.push(read);
  }
  const path = withoutAuthority(folded);
  if (path !== null) texts.push(path);
  for (const each of texts) {
    const mark = queryStart(each);
    for (const reading of mark < 0 ? [each] : [each, each.slice(0, mark)]) {
      const segments = foldSegments(reading);
      if (segments === null) return "The path holds a dot segment.";
      for (const list of [segments, segments.filter((segment) => segment !== "")]) {
        addPath(list, whole, suffixless);
      }
    }
  }
  return null;
}

function addPath(segments: readonly string[], whole: Set<string>, suffixless: Set<string>): void {
  let end = segments.length;
  while (end > 0 && segments[end - 1] === "") end--;
  const kept = segments.slice(0, end);
  whole.add(`/${kept.join("/")}`);
  const last = kept.pop() ?? "";
  const dot = last.indexOf(".", 1);
  if (dot > 0) suffixless.add(`/${[...kept, last.slice(0, dot)].join("/")}`);
}

/** The segments of a pattern as {@link readingsOf} folds them, once for each layer of escapes. */
export function segmentReadings(segments: readonly string[]): readonly (readonly string[])[] {
  if (segments.length === 0) return [[]];
  const readings: string[][] = [];
  let text = `/${segments.join("/")}`;
  for (let layer = 0; layer <= MAX_LAYERS; layer++) {
    const folded = foldText(text);
    const parts = typeof folded === "string" ? foldSegments(folded) : null;
    if (parts === null || parts.length !== segments.length) break;
    readings.push(parts);
    const decoded = decodeLayer(text);
    if ("problem" in decoded || !decoded.changed) break;
    text = decoded.text;
  }
  return readings;
}

function foldText(text: string): string | { readonly problem: string } {
  let folded = "";
  let plainFrom = 0;
  let gainedPercent = false;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) < 0x80) continue;
    const codePoint = text.codePointAt(index) ?? 0;
    const each = foldCharacter(codePoint);
    if (typeof each !== "string") return each;
    if (each.includes("%")) gainedPercent = true;
    folded += text.slice(plainFrom, index).toLowerCase() + each;
    if (codePoint > 0xffff) index++;
    plainFrom = index + 1;
  }
  folded += text.slice(plainFrom).toLowerCase();
  if (gainedPercent && holdsEscape(folded)) {
    return { problem: 'The path holds a character that can be read as "%".' };
  }
  return folded;
}

function holdsEscape(text: string): boolean {
  for (let at = text.indexOf("%"); at >= 0; at = text.indexOf("%", at + 1)) {
    if (escapeAt(text, at) >= 0) return true;
  }
  return false;
}

function withBestFitSlashes(text: string): string | null {
  let replaced = "";
  let kept = 0;
  for (let index = 0; index < text.length; index++) {
    if (!isBestFitSlash(text.charCodeAt(index))) continue;
    replaced += `${text.slice(kept, index)}/`;
    kept = index + 1;
  }
  return kept === 0 ? null : replaced + text.slice(kept);
}

/** What a URL parser that is given "//host/path" and a base takes for the path, as in Node. */
function withoutAuthority(text: string): string | null {
  if (!text.startsWith("//")) return null;
  let start = 2;
  while (text.charCodeAt(start) === 0x2f) start++;
  const slash = text.indexOf("/", start);
  return slash < 0 ? "/" : text.slice(slash);
}

/** Where a decoded text would begin to be a query or a fragment to somebody; -1: nowhere. */
function queryStart(text: string): number {
  const query = text.indexOf("?");
  const fragment = text.indexOf("#");
  return query < 0 || fragment < 0 ? Math.max(query, fragment) : Math.min(query, fragment);
}

/** The segments without parameters, outer spaces and trailing dots; `null` at a dot segment. */
function foldSegments(text: string): string[] | null {
  const folded: string[] = [];
  for (const segment of text.slice(1).split("/")) {
    const name = withoutParameters(segment).trim();
    if (name === "." || name === "..") return null;
    folded.push(withoutTail(name));
  }
  return folded;
}

/** Without `;` parameters, and without the streams of NTFS (`::$DATA`, `:$I30:…`). */
function withoutParameters(segment: string): string {
  for (let index = 0; index < segment.length; index++) {
    const code = segment.charCodeAt(index);
    const next = segment.charCodeAt(index + 1);
    const isStream = code === 0x3a && (next === 0x3a || next === 0x24);
    if (code === 0x3b || isStream) return segment.slice(0, index);
  }
  return segment;
}

/** Windows takes dots and spaces off the end of a name, in any order; so do escapes of spaces. */
function withoutTail(name: string): string {
  let end = name.length;
  for (; end > 0; end--) {
    const code = name.charCodeAt(end - 1);
    if (code !== 0x2e && code !== 0x20) break;
  }
  return end === name.length ? name : name.slice(0, end);
}

function countSlashes(text: string): number {
  let count = 0;
  for (let at = text.indexOf("/"); at >= 0; at = text.indexOf("/", at + 1)) count++;
  return count;
}
