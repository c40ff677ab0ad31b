/**
 * The opening handshake of a WebSocket, the client's half (RFC 6455 §4).
 *
 * @module
 */

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The subprotocols that a client offers, in its order, each once. */
export function offeredProtocols(list: string | null): string[] {
  if (list === null) return [];
  return [
    ...new Set(list.split(",").map((each) => each.trim()).filter((each) => TOKEN.test(each))),
  ];
}

/** A fresh `Sec-WebSocket-Key`. */
export function newKey(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
}

/** The `Sec-WebSocket-Accept` that belongs to a key (§4.2.2). */
export async function acceptOf(key: string): Promise<string> {
  const text = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const digest = await crypto.subtle.digest("SHA-1", text);
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}
