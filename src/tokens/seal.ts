/**
 * Small secrets that somebody else keeps for us (a browser in a cookie, the store
 * in a record): encrypted and authenticated, as a compact JWE with `dir` and
 * `A256GCM` ({@link https://www.rfc-editor.org/rfc/rfc7516 | RFC 7516}).
 *
 * @module
 */
import { compactDecrypt, CompactEncrypt } from "jose";
import type { JsonValue } from "../base/json.ts";
import { parseJson } from "../outbound/json.ts";

/** Seals values for one purpose; what was sealed for another does not open. */
export interface Seal {
  seal(value: JsonValue): Promise<string>;
  /** `null` when it was not sealed by us, for this, or not at all. */
  open(text: string): Promise<JsonValue | null>;
}

const HEADER = { alg: "dir", enc: "A256GCM" } as const;
/** base64url of `{"alg":"dir","enc":"A256GCM"}`, and no encrypted key: how all of ours begin. */
const BEGINNING = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..";
/** Longer than anything that is sealed here. */
const MAX_LENGTH = 16_384;

/**
 * Prepares sealing with keys derived from the ring's (`hmacKeys`): the first
 * seals, all open, as with signatures.
 */
export function createSeal(hmacKeys: readonly CryptoKey[], purpose: string): Seal {
  let derived: Promise<Uint8Array[]> | undefined;

  function secrets(): Promise<Uint8Array[]> {
    return derived ??= Promise.all(hmacKeys.map(async (key) => {
      const label = new TextEncoder().encode(`postern seal v1\n${purpose}`);
      return new Uint8Array(await crypto.subtle.sign("HMAC", key, label));
    }));
  }

  return {
    async seal(value) {
      const [first] = await secrets();
      if (first === undefined) throw new TypeError("a key ring has at least one HMAC key");
      return await new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
        .setProtectedHeader(HEADER)
        .encrypt(first);
    },

    async open(text) {
      if (text.length > MAX_LENGTH || !text.startsWith(BEGINNING)) return null;
      for (const secret of await secrets()) {
        try {
          const { plaintext } = await compactDecrypt(text, secret, {
            keyManagementAlgorithms: ["dir"],
            contentEncryptionAlgorithms: ["A256GCM"],
          });
          return parseJson(new Uint8Array(plaintext))?.value ?? null;
        } catch {
          // Sealed with another key of the ring, or forged.
        }
      }
      return null;
    },
  };
}
