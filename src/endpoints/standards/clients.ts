/**
 * Clients that have a credential of their own (RFC 6749 §2.3).
 *
 * @module
 */
import type { Fields } from "../../http/body.ts";

/** A client in the configuration. */
export interface ClientOptions {
  readonly id: string;
  readonly secret: string;
}

/**
 * Whose request it is: by HTTP Basic, or `client_id` and `client_secret` in the form
 * (RFC 6749 §2.3.1), never both. `null`: nobody's that we know.
 */
export type AuthenticateClient = (
  authorization: string | null,
  fields: Fields,
) => Promise<string | null>;

/** Prepares {@link AuthenticateClient}. How long it takes says nothing about a secret. */
export function createAuthenticateClient(clients: readonly ClientOptions[]): AuthenticateClient {
  const digests = Promise.all(
    clients.map(async ({ id, secret }) => ({ id, digest: await digestOf(secret) })),
  );

  return async function authenticateClient(authorization, fields) {
    const shown = credentialOf(authorization, fields);
    if (shown === null) return null;
    const digest = await digestOf(shown.secret);
    for (const known of await digests) {
      if (known.id === shown.id && isEqual(known.digest, digest)) return known.id;
    }
    return null;
  };
}

/** What a client shows of itself, in the one way that it chose (RFC 6749 §2.3.1). */
export function credentialOf(
  authorization: string | null,
  fields: Fields,
): { readonly id: string; readonly secret: string } | null {
  const { client_id: id, client_secret: secret } = fields;
  if (authorization !== null) return secret === undefined ? basic(authorization) : null;
  return typeof id === "string" && typeof secret === "string" ? { id, secret } : null;
}

/** RFC 7617, with the form encoding inside that RFC 6749 §2.3.1 asks for. */
function basic(authorization: string): { readonly id: string; readonly secret: string } | null {
  if (authorization.slice(0, 6).toLowerCase() !== "basic ") return null;
  try {
    const bytes = Uint8Array.fromBase64(authorization.slice(6));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const colon = text.indexOf(":");
    if (colon < 0) return null;
    const decoded = (part: string) => decodeURIComponent(part.replaceAll("+", " "));
    return { id: decoded(text.slice(0, colon)), secret: decoded(text.slice(colon + 1)) };
  } catch {
    return null;
  }
}

async function digestOf(secret: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  let difference = 0;
  for (const [index, byte] of one.entries()) difference |= byte ^ (other[index] ?? 0);
  return difference === 0;
}
