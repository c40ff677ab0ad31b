/**
 * What a proxied request may be at most, decided before anything else is.
 *
 * @module
 */
import type { IncomingHeaders } from "./headers.ts";
import type { Problem } from "./problem.ts";

/** What a proxied request may be at most. */
export interface LimitsConfig {
  readonly bodyBytes: number;
  readonly urlBytes: number;
  readonly headerBytes: number;
  readonly headerCount: number;
}

/** Decides whether a request keeps to the limits. */
export type CheckLimits = (
  method: string,
  url: string,
  headers: IncomingHeaders,
) => Problem | null;

const FORWARDABLE = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** A header costs its name, its value, `": "` and the line end (RFC 9112 §5). */
const HEADER_OVERHEAD_BYTES = 4;

/** Prepares the check. */
export function createLimits(limits: LimitsConfig): CheckLimits {
  const { urlBytes, headerBytes, headerCount } = limits;
  return function checkLimits(method, url, headers) {
    // A TRACE would send our credentials back; `fetch` refuses it as well.
    if (method === "TRACE" || method === "TRACK") {
      return { code: "method_not_allowed", allow: FORWARDABLE };
    }
    if (method === "CONNECT") return { code: "not_implemented" };
    if (url.length > urlBytes) return { code: "url_too_long" };
    let bytes = 0;
    let count = 0;
    for (const [name, value] of headers) {
      bytes += name.length + value.length + HEADER_OVERHEAD_BYTES;
      count++;
    }
    if (bytes > headerBytes || count > headerCount) return { code: "headers_too_large" };
    return null;
  };
}
