/**
 * Names of what a session belongs to, beside itself: keyed hashes, so that a dump
 * of the store does not tell who came from where.
 *
 * @module
 */

/** What a session that began at a provider belongs to. */
export type GroupMember =
  /** Everything that came from a provider, by its name in the configuration. */
  | { readonly kind: "provider"; readonly provider: string }
  /** The provider's own session (`sid` of its ID token). */
  | { readonly kind: "provider session"; readonly issuer: string; readonly session: string }
  /** A person, as the provider calls them (`sub`). */
  | { readonly kind: "provider subject"; readonly issuer: string; readonly subject: string };

/** Names groups. */
export interface GroupNames {
  /** The name that a new session is written under. */
  nameOf(member: GroupMember): Promise<string>;
  /**
   * Every name that sessions may stand under: the ring's keys change, and those
   * that were opened before are named by an older one.
   */
  namesOf(member: GroupMember): Promise<readonly string[]>;
}

/** Bytes of a name: enough that nobody meets another's by chance. */
const NAME_BYTES = 16;

/** Prepares names with the keys of the ring (`hmacKeys`), the first for new ones. */
export function createGroupNames(hmacKeys: readonly CryptoKey[]): GroupNames {
  const encoder = new TextEncoder();

  async function named(key: CryptoKey, member: GroupMember): Promise<string> {
    // As a JSON array, so that no part can borrow characters from the next.
    const text = JSON.stringify(["postern group v1", ...Object.values(sorted(member))]);
    const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(text));
    return btoa(String.fromCharCode(...new Uint8Array(mac).slice(0, NAME_BYTES)))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  return {
    async nameOf(member) {
      const [name] = await this.namesOf(member);
      if (name === undefined) throw new TypeError("a key ring has at least one HMAC key");
      return name;
    },
    namesOf: (member) => Promise.all(hmacKeys.map((key) => named(key, member))),
  };
}

/** The same parts in the same order, however the value was written. */
function sorted(member: GroupMember): Record<string, string> {
  return Object.fromEntries(Object.entries(member).sort(([a], [b]) => a < b ? -1 : 1));
}
