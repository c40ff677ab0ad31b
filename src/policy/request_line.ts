/**
 * The request line: method, authority and target, each read once into the value
 * that is matched, logged and sent (guarantee 6).
 *
 * @module
 */
import { hostOf, readAuthority } from "./authority.ts";
import { readMethod } from "./method.ts";
import type { RequestProblem } from "./problem.ts";
import { readTarget, targetStart } from "./target.ts";
import type { Target } from "./target.ts";

/** A request line that can be read in one way only. */
export interface RequestLine {
  /** Upper case. */
  readonly method: string;
  /** Host, and port where it is not the scheme's; lower case, no trailing dot. */
  readonly authority: string;
  readonly target: Target;
}

/** What a runtime tells of a request. */
export interface RawRequestLine {
  /** As the client wrote it. */
  readonly method: string;
  /**
   * Absolute. Its authority is that of `:authority` (HTTP/2), of the absolute form
   * (RFC 9112 §3.2.2), or a copy of `Host`.
   */
  readonly url: string;
  /** The `Host` header; `null` where there is none, as in HTTP/2. */
  readonly hostHeader: string | null;
  /** Of the public origin: says which port goes without saying. */
  readonly scheme: "http" | "https";
}

/**
 * Reads the request line, or says what makes it readable in more than one way. A
 * `Host` that differs from the authority in the request target is refused, although
 * RFC 9112 §3.2.2 would have the latter win: what stands in front may think otherwise.
 */
export function readRequestLine(raw: RawRequestLine): RequestLine | RequestProblem {
  const method = readMethod(raw.method);
  if (typeof method !== "string") return method;
  const written = raw.url.slice(raw.url.indexOf("//") + 2, targetStart(raw.url));
  const authority = readAuthority(raw.hostHeader ?? written, raw.scheme);
  if (typeof authority !== "string") return authority;
  if (raw.hostHeader !== null && written !== raw.hostHeader) {
    const other = readAuthority(written, raw.scheme);
    if (typeof other !== "string" || !isSameAuthority(authority, other)) return TWO_HOSTS;
  }
  const target = readTarget(raw.url);
  return "problem" in target ? target : { method, authority, target };
}

/** Two names for one request: whoever stands in front may have decided by the other one. */
export const TWO_HOSTS: RequestProblem = {
  code: "invalid_request",
  problem: "The request names two different hosts.",
};

/** Workers leave a port out that goes without saying for the URL's own scheme. */
function isSameAuthority(one: string, other: string): boolean {
  if (one === other) return true;
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return short === hostOf(short) && (long === `${short}:80` || long === `${short}:443`);
}
