/**
 * Which proxies may ask.
 *
 * @module
 */
import { createAddressList } from "../../http/client_address.ts";
import type { HeaderReader } from "../../http/headers.ts";
import type { VerifyOptions } from "./options.ts";

/** The header of the shared secret. */
export const SECRET_HEADER = "x-verify-secret";

/** What makes an asker trusted; `null`: nothing does. */
export type Trust = "address" | "secret" | null;

/** Tells why an asker is trusted. */
export type TrustOf = (headers: HeaderReader, peerAddress: string) => Trust | Promise<Trust>;

/** Prepares {@link TrustOf}; a wrong secret is worse than none. */
export function createTrustOf({ trustedProxies, secret }: VerifyOptions): TrustOf {
  const isTrusted = createAddressList(trustedProxies);
  let expected: Uint8Array | undefined;

  async function hasSecret(given: string): Promise<boolean> {
    if (secret === null) return false;
    expected ??= await digest(secret);
    const actual = await digest(given);
    // Digests of both: how long it takes tells nothing of the secret.
    return expected.every((byte, index) => byte === actual[index]);
  }

  return function trustOf(headers, peerAddress) {
    const given = headers.get(SECRET_HEADER);
    if (given === null) return isTrusted(peerAddress) ? "address" : null;
    return hasSecret(given).then((isRight) => isRight ? "secret" : null);
  };
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)),
  );
}

/**
 * Whether a request that carries the secret is for another path than ours: a proxy
 * that puts the client's path behind the endpoint may have been led out of it by dot
 * segments, and would take any answer for a verdict.
 */
export function createStrayCheck(
  options: VerifyOptions | null,
  prefix: string,
): (headers: HeaderReader, path: string) => boolean {
  if (options === null || options.secret === null) return () => false;
  return (headers, path) =>
    headers.get(SECRET_HEADER) !== null && !path.startsWith(`${prefix}/verify/`);
}
