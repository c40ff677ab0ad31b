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

/**
 * The runtime takes a body apart as chunked and leaves it coded otherwise; the coding would
 * stay behind, and an upstream would read a compressed body as it stands (RFC 9112 §6.1).
 */
const CODED: Problem = {
  code: "not_implemented",
  detail: "Of transfer codings only chunked is known here.",
};

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
      if (name === "transfer-encoding" && value.toLowerCase() !== "chunked") return CODED;
      bytes += name.length + value.length + HEADER_OVERHEAD_BYTES;
      count++;
    }
    if (bytes > headerBytes || count > headerCount) return { code: "headers_too_large" };
    return null;
  };
}
