/**
 * Headers on everything that Postern itself says; what an upstream says is the
 * upstream's.
 *
 * @module
 */

/** Two years (RFC 6797 §6.1.1); subdomains are somebody else's to decide about. */
const HSTS = "max-age=63072000";

/** Puts the security headers on an answer of our own, in place, where they are not yet. */
export type WithOwnHeaders = (response: Response) => Response;

/** Prepares {@link WithOwnHeaders}. `secure`: the public origin is https. */
export function createOwnHeaders({ secure }: { readonly secure: boolean }): WithOwnHeaders {
  const own: readonly (readonly [string, string])[] = [
    ["x-content-type-options", "nosniff"],
    ["referrer-policy", "no-referrer"],
    ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
    ["x-frame-options", "DENY"],
    ["cross-origin-opener-policy", "same-origin"],
    ["cross-origin-resource-policy", "same-origin"],
    ...(secure ? [["strict-transport-security", HSTS] as const] : []),
  ];
  return function withOwnHeaders(response) {
    for (const [name, value] of own) {
      if (!response.headers.has(name)) response.headers.set(name, value);
    }
    return response;
  };
}
