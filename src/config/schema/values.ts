/**
 * Values that several parts of the file are made of.
 *
 * @module
 */
import * as z from "../../base/schema.ts";
import { DURATION, durationMs, isDuration } from "../../base/duration.ts";
import type { Duration } from "../../base/duration.ts";
import { POINTER } from "../../base/json_pointer.ts";
import type { JsonPointer } from "../../base/json_pointer.ts";
import { isSize, SIZE, sizeBytes } from "../../base/size.ts";
import type { Size } from "../../base/size.ts";

export function duration(fallback: Duration, range: { min: Duration; max?: Duration }) {
  const max = range.max;
  return z.prefault(
    z.pipe(
      z.string().check(
        z.regex(DURATION, { error: 'must be a duration with a unit, such as "30s" or "15m"' }),
        z.refine((text) =>
          !isDuration(text) ||
          (durationMs(text) >= durationMs(range.min) &&
            (max === undefined || durationMs(text) <= durationMs(max))), {
          error: `must be at least ${range.min}${max === undefined ? "" : ` and at most ${max}`}`,
        }),
      ),
      z.transform((text) => text as Duration),
    ),
    fallback,
  );
}

export function size() {
  return z.pipe(
    z.string().check(
      z.regex(SIZE, { error: 'must be a size with a unit, such as "64KiB" or "10MiB"' }),
      z.refine((text) => !isSize(text) || Number.isSafeInteger(sizeBytes(text)), {
        error: "is too large",
      }),
    ),
    z.transform((text) => text as Size),
  );
}

export const jsonPointer = z.string().check(z.regex(POINTER, {
  error: 'must be a JSON pointer (RFC 6901), such as "/user/id"',
})) as z.ZodMiniType<JsonPointer, string>;

/** Scheme, host and port, and nothing else. */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.password === "" && url.search === "" && url.hash === "" && url.pathname === "/";
}

/** An absolute `http:` or `https:` URL without credentials, query or fragment. */
export function httpUrl(
  what: string,
  options: { readonly path: boolean; readonly example?: string },
) {
  const example = options.example ??
    (options.path ? "http://127.0.0.1:8000/api/login" : "http://127.0.0.1:8000");
  return z.string().check(z.refine((text) => {
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol)) return false;
    if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
      return false;
    }
    return options.path || url.pathname === "/";
  }, { error: `must be ${what}, such as "${example}"` }));
}

export const ownPath = z.string().check(z.regex(/^(\/[A-Za-z0-9_-]+)+$/, {
  error: 'must be an absolute path without a trailing slash, such as "/auth"',
}));

export const claimName = z.string().check(z.regex(/^[A-Za-z][A-Za-z0-9_:-]{0,63}$/, {
  error: "must be a claim name: a letter, then letters, digits, _ : or -",
}));

/** RFC 6749 §3.3 scope-token. */
export const scopeToken = z.string().check(z.regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, {
  error: "must be a scope token without spaces or quotes (RFC 6749 section 3.3)",
}));

export const headerName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9-]*$/, {
  error: "must be a header name: letters, digits and -",
}));

export const exactOrigin = z.string().check(z.refine((text) => {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text &&
    !url.hostname.includes("*");
}, {
  error: 'must be one exact origin, such as "https://app.example.com"; patterns are not allowed',
}));
