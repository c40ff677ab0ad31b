/**
 * What was made for one person stays with that person (guarantee 11): the
 * caching headers of an authorised answer, made safe for shared caches.
 *
 * A backend that says `max-age=600` counts on RFC 9111 §3.5, by which shared
 * caches keep nothing that was asked with `Authorization`. Behind Postern the
 * browser sends a cookie, and that rule never applies.
 *
 * @module
 */
import { trimOws } from "../base/ows.ts";

/** Permissions to shared caches alone (RFC 9111 §5.2.2). */
const SHARED_ONLY: ReadonlySet<string> = new Set(["public", "s-maxage", "proxy-revalidate"]);

/** What speaks to caches of one make, past `Cache-Control`. */
const CDN_ONLY: ReadonlySet<string> = new Set([
  "surrogate-control",
  "edge-control",
  "x-accel-expires",
  "x-litespeed-cache-control",
]);

/** Whether a header is an instruction to the caches of a CDN (RFC 9213 and its forerunners). */
export function isCdnVariant(name: string): boolean {
  return CDN_ONLY.has(name) || (name.endsWith("-cache-control") && name !== "cache-control");
}

/**
 * `Cache-Control` of an answer for one person: what allows shared caches to keep
 * it goes, and `private` comes where neither it nor `no-store` holds for all of it.
 */
export function privateCacheControl(value: string | null): string {
  const directives = value === null ? [] : splitDirectives(value);
  const kept = directives.filter((directive) => !SHARED_ONLY.has(nameOf(directive)));
  // With field names, both bind only those fields (RFC 9111 §5.2.2.7).
  const isClosed = kept.some((directive) => /^(?:private|no-store)$/i.test(directive));
  if (!isClosed) kept.push(PRIVATE);
  return kept.join(", ");
}

/** What {@link privateCacheControl} makes of an answer that says nothing. */
export const PRIVATE = "private";

/**
 * Whether the backend lets a browser use an answer again without asking; one that says
 * nothing of it (`private` alone) does not mind to be asked.
 */
export function isReusable(value: string | null): boolean {
  if (value === null || value === PRIVATE) return false;
  return !splitDirectives(value).some((directive) =>
    /^(?:no-store|no-cache|max-age\s*=\s*"?0+"?)$/i.test(directive)
  );
}

/** `Vary` with what decides who is asking. */
export function withVary(value: string | null, fields: readonly string[]): string {
  const present = (value ?? "").split(",").map(trimOws).filter((field) => field !== "");
  if (present.includes("*")) return "*";
  const known = new Set(present.map((field) => field.toLowerCase()));
  return [...present, ...fields.filter((field) => !known.has(field.toLowerCase()))].join(", ");
}

/** At commas outside of quotes (RFC 9110 §5.6.1), in one pass. */
function splitDirectives(value: string): string[] {
  const directives: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let index = 0; index <= value.length; index++) {
    const char = value[index];
    if (isQuoted && char === "\\") index++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (index === value.length || (char === "," && !isQuoted)) {
      const directive = trimOws(value.slice(start, index));
      if (directive !== "") directives.push(directive);
      start = index + 1;
    }
  }
  // An open quote hides what comes after it from us, but not from every cache.
  if (isQuoted) return value.split(",").map(trimOws).filter((each) => each !== "");
  return directives;
}

function nameOf(directive: string): string {
  return trimOws(directive.split("=", 1)[0] ?? "").toLowerCase();
}
