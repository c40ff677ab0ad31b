/**
 * Finds our own tokens where they have no business: in a query, or in a Bearer
 * header on its way to an open route (guarantee 1).
 *
 * @module
 */

/** Looks for tokens of this gateway in a text. */
export interface LeakGuard {
  /** Whether the text holds a token that this gateway issued, valid or not. */
  holdsOurs(text: string): boolean;
}

/** Three base64url parts, the first of which starts as JSON does: `{"`. */
const JWT_LIKE = /eyJ[A-Za-z0-9_-]+\.(eyJ[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+/g;

/** Prepares the guard. A token is ours when it names our issuer; the signature does not matter. */
export function createLeakGuard(issuer: string): LeakGuard {
  return {
    holdsOurs(text) {
      if (!text.includes("eyJ")) return false;
      for (const [, payload] of text.replaceAll(/%2e/gi, ".").matchAll(JWT_LIKE)) {
        if (payload !== undefined && issuerOf(payload) === issuer) return true;
      }
      return false;
    },
  };
}

function issuerOf(payload: string): unknown {
  try {
    const binary = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && "iss" in value ? value.iss : undefined;
  } catch {
    return undefined;
  }
}
