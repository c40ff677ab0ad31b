/**
 * Devices on which somebody has signed in before. While strangers guess at a name,
 * its owner's own browser is let through (OWASP, "Slow Down Online Guessing Attacks
 * with Device Cookies").
 *
 * @module
 */
/** How many people of one browser are remembered. */
const MAX_NAMES = 5;

/** `v1`, a random id, and up to five keyed hashes of names. */
const SHAPE = /^v1\.([A-Za-z0-9_-]{22})((?:\.[A-Za-z0-9_-]{22}){1,5})$/;

/** The longest cookie of that shape. */
const MAX_LENGTH = 3 + 22 + MAX_NAMES * 23;

/** A device, as far as it is known for a name. */
export interface KnownDevice {
  /** Random; the same as long as the browser keeps its cookie. */
  readonly id: string;
}

/**
 * Makes and reads the device cookie. It signs nobody in.
 *
 * A name counts as it was typed, letter by letter: only that is sure to be the same
 * person. Where `Ada` and `ada` are two people, the one must not get a cookie that
 * lets her guess at the other; where they are one, she only waits like a stranger.
 */
export interface DeviceCookies {
  /** The device, if somebody has signed in on it under exactly this name; else `null`. */
  read(cookie: string | null, name: string): Promise<KnownDevice | null>;
  /** The cookie after a sign-in under this name; others' names on the same device stay. */
  remember(cookie: string | null, name: string): Promise<string>;
}

/** Prepares device cookies. The first key makes them, all keys check, as in the key ring. */
export function createDeviceCookies(hmacKeys: readonly CryptoKey[]): DeviceCookies {
  const [first] = hmacKeys;
  if (first === undefined) throw new TypeError("a key ring has at least one HMAC key");
  const encoder = new TextEncoder();

  async function hashOf(key: CryptoKey, id: string, name: string): Promise<string> {
    const message = encoder.encode(`device\n${id}\n${name}`);
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
    return mac.subarray(0, 16).toBase64({ alphabet: "base64url", omitPadding: true });
  }

  function parse(cookie: string | null): { id: string; hashes: string[] } | null {
    if (cookie === null || cookie.length > MAX_LENGTH) return null;
    const [, id, rest] = SHAPE.exec(cookie) ?? [];
    return id === undefined || rest === undefined ? null : { id, hashes: rest.slice(1).split(".") };
  }

  return {
    async read(cookie, name) {
      const parsed = parse(cookie);
      if (parsed === null) return null;
      for (const key of hmacKeys) {
        // Compared as hashes of 128 bits that nobody can make: timing tells nothing of use.
        if (parsed.hashes.includes(await hashOf(key, parsed.id, name))) return { id: parsed.id };
      }
      return null;
    },
    async remember(cookie, name) {
      const parsed = parse(cookie);
      const id = parsed?.id ?? crypto.getRandomValues(new Uint8Array(16))
        .toBase64({ alphabet: "base64url", omitPadding: true });
      const fresh = await hashOf(first, id, name);
      const others = (parsed?.hashes ?? []).filter((hash) => hash !== fresh);
      return ["v1", id, fresh, ...others.slice(0, MAX_NAMES - 1)].join(".");
    },
  };
}
