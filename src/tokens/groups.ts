/**
 * Names of session groups: what a session belongs to, and can be revoked with,
 * without saying in clear what that is.
 *
 * The key of the hash is made from the issuer, not from the key ring: a name
 * has to stay the same for as long as a session lives, through every rotation
 * of keys and on every instance. It keeps gateways apart; what it names (a
 * subject, a provider) stands in clear in the same record anyway.
 *
 * @module
 */

/** What can be a group. */
export type GroupKind =
  | "subject"
  /** Everybody who signed in at a provider. */
  | "provider"
  /** The provider's own session (`sid` of OpenID Connect Back-Channel Logout 1.0 §2.4). */
  | "provider_session"
  /** Sessions of several hosts that began with one sign-in, by the first one's `sid`. */
  | "family"
  /** The provider's own name for the person. */
  | "provider_subject";

/** Gives the name of a group: 22 characters of base64url. */
export type NameGroup = (kind: GroupKind, ...parts: readonly string[]) => Promise<string>;

/** Bytes of the HMAC that make the name. */
const NAME_BYTES = 16;

/** Prepares {@link NameGroup} for one issuer. */
export function createGroupNames(issuer: string): NameGroup {
  const encoder = new TextEncoder();
  let imported: CryptoKey | undefined;

  async function key(): Promise<CryptoKey> {
    // Not a promise that all wait for: on Workers its request may vanish.
    imported ??= await crypto.subtle.importKey(
      "raw",
      encoder.encode(`postern groups v1\n${issuer}`),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    return imported;
  }

  return async function nameGroup(kind, ...parts) {
    // JSON tells every list of parts from every other.
    const message = encoder.encode(JSON.stringify([kind, ...parts]));
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", await key(), message));
    return mac.slice(0, NAME_BYTES).toBase64({ alphabet: "base64url", omitPadding: true });
  };
}
