/**
 * The hash by which proofs name tokens (RFC 9449 §4.2, `ath`), and we name proofs.
 *
 * @module
 */
import { encode } from "jose/base64url";

/** SHA-256 of a text in base64url. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return encode(new Uint8Array(digest));
}
