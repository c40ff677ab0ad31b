/**
 * The one check of a proof of possession: a compact JWS (RFC 7515 §7.1) whose
 * header carries the public key that it is signed with. DPoP, DBSC and our own
 * script all speak this form; what the payload must say is theirs.
 *
 * @module
 */
import { decode } from "jose/base64url";
import { compactVerify } from "jose/jws/compact/verify";
import QuickLRU from "quick-lru";
import { isCanonicalBase64url } from "../tokens/base64url.ts";
import {
  importProofKey,
  type KeyFailure,
  type ProofAlgorithm,
  type ProofKey,
  type PublicJwk,
  readPublicJwk,
} from "./public_key.ts";

/** A proof whose signature is good. */
export interface Proof {
  /** SHA-256 thumbprint of the key (RFC 7638), base64url. */
  readonly jkt: string;
  readonly jwk: PublicJwk;
  /** What was signed; nothing in it has been looked at. */
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Why a proof is not accepted, whatever it says. */
export type ProofFailure =
  | "malformed"
  | "wrong_type"
  | "unsupported_algorithm"
  | "bad_signature"
  | KeyFailure;

/** Checks proofs of one type. */
export interface ProofCheck {
  /**
   * Checks form, type, algorithm, key and signature. `known` is the key of a
   * proof that carries none (DBSC refresh); a proof with a key of its own is
   * then malformed, so that nobody can bring another.
   */
  check(jws: string, known?: PublicJwk | undefined): Promise<Proof | ProofFailure>;
}

/** Longer than any honest proof: RS256 with a 4096-bit key stays well below. */
const MAX_PROOF_LENGTH = 4096;

interface Header {
  readonly alg: ProofAlgorithm;
  /** `null`: the header carries no key. */
  readonly key: ProofKey | null;
}

/**
 * Prepares the check. `type` is the one `typ` (RFC 8725 §3.11); `keyCacheSize`
 * bounds the imported keys that are remembered: every proof of one client has
 * the same header, so its key is imported once.
 */
export function createProofCheck(options: {
  readonly type: string;
  readonly algorithms: readonly ProofAlgorithm[];
  readonly keyCacheSize?: number;
}): ProofCheck {
  const { type } = options;
  const algorithms: readonly string[] = options.algorithms;
  const headers = new QuickLRU<string, Header>({ maxSize: options.keyCacheSize ?? 2_000 });

  async function readHeader(part: string): Promise<Header | ProofFailure> {
    const header = parseObject(part);
    if (header === null) return "malformed";
    const { typ, alg, jwk, crit } = header;
    if (typ !== type) return "wrong_type";
    if (typeof alg !== "string" || !algorithms.includes(alg)) return "unsupported_algorithm";
    // RFC 7515 §4.1.11: an extension that must be understood, and we understand none.
    if (crit !== undefined) return "malformed";
    if (jwk === undefined) return { alg: alg as ProofAlgorithm, key: null };
    return await withKey(jwk, alg as ProofAlgorithm);
  }

  async function withKey(value: unknown, alg: ProofAlgorithm): Promise<Header | ProofFailure> {
    const jwk = readPublicJwk(value, alg);
    if (typeof jwk === "string") return jwk;
    const key = await importProofKey(jwk, alg);
    return key === "invalid_key" ? key : { alg, key };
  }

  return {
    async check(jws, known) {
      if (jws.length > MAX_PROOF_LENGTH) return "malformed";
      const parts = jws.split(".");
      const [protectedPart, payloadPart] = parts;
      if (parts.length !== 3 || parts.some((part) => part === "" || !isCanonicalBase64url(part))) {
        return "malformed";
      }
      if (protectedPart === undefined || payloadPart === undefined) return "malformed";
      const cacheKey = known === undefined
        ? protectedPart
        : `${protectedPart}.${JSON.stringify(known)}`;
      const remembered = headers.get(cacheKey);
      let header = remembered ?? await readHeader(protectedPart);
      if (typeof header === "string") return header;
      if (remembered === undefined && known !== undefined) {
        if (header.key !== null) return "malformed";
        header = await withKey(known, header.alg);
        if (typeof header === "string") return header;
      }
      if (header.key === null) return "invalid_key";
      try {
        await compactVerify(jws, header.key.key, { algorithms: [header.alg] });
      } catch {
        return "bad_signature";
      }
      // Only now: what was never signed takes no place in the memory.
      if (remembered === undefined) headers.set(cacheKey, header);
      const payload = parseObject(payloadPart);
      if (payload === null) return "malformed";
      return { jkt: header.key.jkt, jwk: header.key.jwk, payload };
    },
  };
}

/** A JSON object out of one part of a JWS, or `null`. */
function parseObject(part: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(decode(part)),
    );
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Readonly<Record<string, unknown>>
      : null;
  } catch {
    return null;
  }
}
