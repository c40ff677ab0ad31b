/**
 * The request target: path and query, read once into the one spelling that is
 * matched, logged and sent (guarantee 6). Whatever a backend could read in
 * another way is refused instead of being repaired.
 *
 * @module
 */
import type { RequestProblem } from "./problem.ts";
import { hexValue } from "./percent.ts";
import { readingsOf } from "./readings.ts";
import type { Readings } from "./readings.ts";

/** Path and query of a request, ready to be matched and forwarded. */
export interface Target {
  /**
   * One spelling: `pchar` (RFC 3986 §3.3) without escapes, everything else as an
   * escape in upper case.
   */
  readonly path: string;
  /** The query with its `?`, or the empty string; byte for byte as it came. */
  readonly search: string;
  /** How else the path may be read; `null`: in no other way. */
  readonly readings: Readings | null;
}

/** What an ASCII character is in a path. */
const enum Class {
  /** To be written as an escape before it gets here. */
  Illegal,
  /** One reading. */
  Plain,
  /** Itself, but with other readings: `A`, `.`, `;`. */
  Loose,
  /** What browsers and others send as it is, and RFC 3986 wants escaped. */
  Escaped,
  Percent,
  Slash,
}

const CLASSES = new Uint8Array(128).fill(Class.Illegal);
for (
  const [characters, kind] of [
    ["abcdefghijklmnopqrstuvwxyz0123456789-_~!$&'()*+,=:@", Class.Plain],
    ["ABCDEFGHIJKLMNOPQRSTUVWXYZ.;", Class.Loose],
    ['[]|^{}`"<>', Class.Escaped],
    ["%", Class.Percent],
    ["/", Class.Slash],
  ] as const
) {
  for (const character of characters) CLASSES[character.charCodeAt(0)] = kind;
}

/**
 * Reads path and query of a URL as the runtime hands it out. Deno hands the target
 * through as it came (`/a/../b`, `/a%zz`, `/a\b`), Workers normalise it first; the
 * result is the same, or a refusal.
 */
export function readTarget(url: string): Target | RequestProblem {
  const start = targetStart(url);
  const mark = url.indexOf("?", start);
  const search = mark < 0 ? "" : url.slice(mark);
  for (let index = 1; index < search.length; index++) {
    const code = search.charCodeAt(index);
    if (code === 0x23) return refused("The request target holds a fragment.");
    if (code <= 0x20 || code >= 0x7f) {
      return refused("The query holds a character that must be percent-encoded.");
    }
  }
  const raw = mark < 0 ? url.slice(start) : url.slice(start, mark);
  const canonical = canonicalPath(raw === "" ? "/" : raw);
  if ("problem" in canonical) return refused(canonical.problem);
  const { path, isPlain } = canonical;
  if (isPlain) return { path, search, readings: null };
  const readings = readingsOf(path);
  return "problem" in readings ? refused(readings.problem) : { path, search, readings };
}

/** Where the path of an absolute URL begins: right after its authority. */
export function targetStart(url: string): number {
  for (let index = url.indexOf("//") + 2; index < url.length; index++) {
    const code = url.charCodeAt(index);
    if (code === 0x2f || code === 0x3f || code === 0x23 || code === 0x5c) return index;
  }
  return url.length;
}

type Canonical =
  | { readonly path: string; readonly isPlain: boolean }
  | { readonly problem: string };

/** The one spelling of a path; `isPlain` where it has no other reading. */
export function canonicalPath(raw: string): Canonical {
  let path = "";
  let kept = 0;
  let isPlain = true;
  let slashAt = -1;
  if (!raw.startsWith("/")) return { problem: "The request target is not a path." };
  for (let index = 0; index < raw.length; index++) {
    const code = raw.charCodeAt(index);
    switch (code < 128 ? CLASSES[code] : Class.Illegal) {
      case Class.Plain:
        break;
      case Class.Loose:
        isPlain = false;
        break;
      case Class.Slash:
        if (slashAt === index - 1 && index > 0) isPlain = false;
        slashAt = index;
        break;
      case Class.Escaped:
        isPlain = false;
        path += raw.slice(kept, index) + escaped(code);
        kept = index + 1;
        break;
      case Class.Percent: {
        const high = hexValue(raw.charCodeAt(index + 1));
        const low = hexValue(raw.charCodeAt(index + 2));
        if (high < 0 || low < 0) return { problem: "The path holds a broken percent-encoding." };
        isPlain = false;
        const byte = high * 16 + low;
        path += raw.slice(kept, index) +
          (isPathCharacter(byte) ? String.fromCharCode(byte) : escaped(byte));
        index += 2;
        kept = index + 1;
        break;
      }
      default:
        return { problem: illegal(code) };
    }
  }
  if (slashAt === raw.length - 1 && raw.length > 1) isPlain = false;
  return { path: kept === 0 ? raw : path + raw.slice(kept), isPlain };
}

function isPathCharacter(byte: number): boolean {
  const kind = byte < 128 ? CLASSES[byte] : Class.Illegal;
  return kind === Class.Plain || kind === Class.Loose;
}

function escaped(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

function illegal(code: number): string {
  if (code === 0x23) return "The request target holds a fragment.";
  if (code === 0x5c) return "The path holds a backslash.";
  return "The path holds a character that must be percent-encoded.";
}

function refused(problem: string): RequestProblem {
  return { code: "ambiguous_path", problem };
}
