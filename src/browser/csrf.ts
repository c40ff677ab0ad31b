/**
 * CSRF protection for cookie sessions: a signed double submit (an HMAC bound to
 * the session, echoed in `X-CSRF-Token`) and the origin rule.
 *
 * @module
 */
import QuickLRU from "quick-lru";

/** `v1.` and an HMAC-SHA-256 in base64url. */
const SHAPE = /^v1\.[A-Za-z0-9_-]{43}$/;

/** Makes and checks CSRF tokens. */
export interface Csrf {
  /** The token of a session: the same for all its tabs and for its whole life. */
  issue(sid: string): Promise<string>;
  /**
   * Whether a header value is the session's token. The cookie proves nothing by
   * itself; where it is present it must say the same.
   */
  check(sid: string, header: string | null, cookie: string | null): Promise<boolean>;
}

/** Methods that change nothing (RFC 9110 §9.2.1) need no CSRF token. */
export function isSafeMethod(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "TRACE";
}

/**
 * The origin rule: where the browser says where a request comes from
 * (`Sec-Fetch-Site`, `Origin`), it must be our own origin. A request that says
 * nothing is no browser's, or an old one's, and is left to the token.
 */
export function isSameOrigin(
  headers: { get(name: string): string | null },
  origin: string,
): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin") return false;
  const from = headers.get("origin");
  // With `Referrer-Policy: no-referrer` on the page, or in front of it, a browser posts
  // "null"; where it also says "same-origin", which no script can, that is what counts.
  return from === null || from === origin || (from === "null" && site === "same-origin");
}

/** Prepares CSRF tokens. The first key makes them, all keys check, as in the key ring. */
export function createCsrf(hmacKeys: readonly CryptoKey[]): Csrf {
  const [first] = hmacKeys;
  if (first === undefined) throw new TypeError("a key ring has at least one HMAC key");
  const issued = new QuickLRU<string, string>({ maxSize: 5_000 });
  const encoder = new TextEncoder();
  const message = (sid: string) => encoder.encode(`csrf\n${sid}`);

  async function issue(sid: string): Promise<string> {
    const known = issued.get(sid);
    if (known !== undefined) return known;
    const mac = await crypto.subtle.sign("HMAC", first as CryptoKey, message(sid));
    const token = `v1.${base64url(new Uint8Array(mac))}`;
    issued.set(sid, token);
    return token;
  }

  return {
    issue,
    async check(sid, header, cookie) {
      if (header === null || !SHAPE.test(header)) return false;
      if (cookie !== null && cookie !== header) return false;
      const mac = fromBase64url(header.slice(3));
      for (const key of hmacKeys) {
        if (await crypto.subtle.verify("HMAC", key, mac, message(sid))) return true;
      }
      return false;
    },
  };
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
