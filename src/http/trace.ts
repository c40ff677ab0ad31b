/**
 * Request ids and W3C Trace Context.
 *
 * @module
 */
import type { HeaderReader } from "./headers.ts";

/** Ids that tie log lines, problem documents and upstream logs together. */
export interface RequestTrace {
  readonly requestId: string;
  /** `traceparent` for the upstream (W3C Trace Context §3.2). */
  readonly traceparent: string;
  /** Span id of this request itself; the one in `traceparent` is that of our request upstream. */
  readonly spanId: string;
  /** Span id of whoever sent it, if they are trusted. */
  readonly parentId: string | null;
}

const REQUEST_ID = /^[A-Za-z0-9._:@+/=-]{1,128}$/;
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/**
 * Continues the ids of a trusted proxy, or begins new ones. A continued trace
 * gets a new parent id: this hop is a span of its own.
 */
export function traceOf(headers: HeaderReader, trusted: boolean): RequestTrace {
  if (trusted) {
    const requestId = headers.get("x-request-id");
    const parent = TRACEPARENT.exec(headers.get("traceparent") ?? "");
    const random = randomHex();
    return {
      requestId: requestId !== null && REQUEST_ID.test(requestId) ? requestId : random.slice(0, 32),
      traceparent: parent === null
        ? `00-${random.slice(0, 32)}-${random.slice(32, 48)}-01`
        : `00-${parent[1]}-${random.slice(32, 48)}-${parent[3]}`,
      spanId: random.slice(48),
      parentId: parent?.[2] ?? null,
    };
  }
  const random = randomHex();
  const requestId = random.slice(0, 32);
  return {
    requestId,
    traceparent: `00-${requestId}-${random.slice(32, 48)}-01`,
    spanId: random.slice(48),
    parentId: null,
  };
}

/** 32 random bytes as hex, drawn from a pool: one call of the generator serves many requests. */
function randomHex(): string {
  if (offset + 32 > pool.length) {
    crypto.getRandomValues(pool);
    offset = 0;
  }
  const bytes = pool.subarray(offset, offset + 32);
  offset += 32;
  return bytes.toHex();
}

const pool = new Uint8Array(32 * 128);
let offset = pool.length;
