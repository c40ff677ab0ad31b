/**
 * Reads what a JWT says without asking whether it is genuine.
 *
 * @module
 */
import { decodeBase64Url } from "hono/utils/encode";
import type { JsonValue } from "../base/json.ts";
import { parseJson } from "../outbound/json.ts";

const COMPACT_JWS = /^[\w-]+\.([\w-]+)\.[\w-]*$/;

/**
 * The payload of a JWT in compact JWS form
 * ({@link https://www.rfc-editor.org/rfc/rfc7519#section-7.2 | RFC 7519 section 7.2}),
 * or `null` when the value is none. **No signature is checked**: only for a token
 * that came directly from its issuer.
 */
export function jwtPayload(token: JsonValue | undefined): JsonValue | null {
  const [, encoded] = typeof token === "string" ? COMPACT_JWS.exec(token) ?? [] : [];
  if (encoded === undefined) return null;
  const payload = parseJson(bytesOf(encoded))?.value ?? null;
  return typeof payload === "object" && !Array.isArray(payload) ? payload : null;
}

function bytesOf(encoded: string): Uint8Array<ArrayBuffer> {
  try {
    return decodeBase64Url(encoded);
  } catch {
    // A length that base64 cannot have: no bytes, so no JSON either.
    return new Uint8Array();
  }
}
