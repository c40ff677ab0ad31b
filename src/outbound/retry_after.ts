/**
 * `Retry-After`, as an identity source sends it.
 *
 * @module
 */

/** Wait that is assumed when the source names none, or none that can be read. */
const DEFAULT_SECONDS = 30;
/** Longest wait that a source can impose, so that one bad header locks nobody out for days. */
const MAX_SECONDS = 3_600;

const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Seconds to wait, from 1 to 3600, by a `Retry-After` value: a number of seconds or an HTTP date
 * ({@link https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 | RFC 9110 section 10.2.3}).
 */
export function retryAfterSeconds(value: string | null, nowMs: number): number {
  const text = value?.trim() ?? "";
  const seconds = /^\d+$/.test(text)
    ? Number(text)
    : IMF_FIXDATE.test(text)
    ? Math.ceil((Date.parse(text) - nowMs) / 1_000)
    : NaN;
  if (Number.isNaN(seconds)) return DEFAULT_SECONDS;
  return Math.min(Math.max(seconds, 1), MAX_SECONDS);
}
