/**
 * DPoP proofs (RFC 9449): all of the checks of §4.3, each with a name of its own.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { createNonces } from "./nonces.ts";
import type { Once } from "./once.ts";
import type { DpopOptions } from "./options.ts";
import { createProofCheck, type Proof, type ProofFailure } from "./proof.ts";
import type { ProofAlgorithm } from "./public_key.ts";
import { createReplayMemory } from "./replay.ts";
import { sha256 } from "./sha256.ts";
import { isSameUri } from "./uri.ts";

/** What a proof is held against. */
export interface DpopRequest {
  readonly method: string;
  /** Our own origin, out of the configuration; never what `Host` says. */
  readonly origin: string;
  /** The canonical path. */
  readonly path: string;
  /** The token that the proof comes along with, if any (`ath`). */
  readonly accessToken?: string;
  /** The `cnf.jkt` of that token; absent where a new token is asked for. */
  readonly jkt?: string;
}

/** Why a proof is refused; the numbers are those of RFC 9449 §4.3. */
export type DpopFailure =
  /** No proof at all. */
  | "missing"
  /** 1: more than one `DPoP` header. */
  | "several"
  /** 2, 4 to 7: form, type, algorithm, signature, key. */
  | ProofFailure
  /** 3: a claim of §4.2 is missing or is of the wrong form. */
  | "missing_claim"
  /** 8 */
  | "method_mismatch"
  /** 9 */
  | "uri_mismatch"
  /** 10: no nonce, where one must be. */
  | "nonce_missing"
  /** 10: not one of ours, or no longer. */
  | "nonce_stale"
  /** 11 */
  | "too_old"
  /** 11 */
  | "in_future"
  /** 12: `ath` is not the hash of the token. */
  | "token_mismatch"
  /** 12: the token is bound to another key. */
  | "key_mismatch"
  /** §11.1 */
  | "replayed";

/** A proof that was accepted, or the reason why not. */
export type DpopOutcome =
  | {
    readonly kind: "proven";
    /** Thumbprint of the key, for `cnf.jkt`. */
    readonly jkt: string;
    /** For a `DPoP-Nonce` header of the answer: a newer nonce, when there is one (§8.2). */
    readonly nonce: string | null;
  }
  | {
    readonly kind: "refused";
    readonly failure: DpopFailure;
    /** For a `DPoP-Nonce` header; set exactly where a new nonce would help. */
    readonly nonce: string | null;
  };

/** Checks DPoP proofs. */
export interface Dpop {
  /**
   * Checks the value of the `DPoP` header (`null`: there is none). A proof is
   * spent by the last check alone, so a request that is refused for another
   * reason can be sent again. With `once` its use is also noted where all
   * instances see it; whatever that throws is thrown on.
   */
  check(header: string | null, request: DpopRequest, once?: Once): Promise<DpopOutcome>;
}

/** The algorithms that proofs may use; for `dpop_signing_alg_values_supported` and challenges. */
export const DPOP_ALGORITHMS: readonly ProofAlgorithm[] = ["ES256", "EdDSA", "Ed25519"];

/** A `jti` is kept until the proof has expired: it must not be a way to fill the memory. */
const MAX_JTI_LENGTH = 256;

/** Prepares the check with the HMAC keys of the key ring. */
export function createDpop(options: {
  readonly options: DpopOptions;
  readonly hmacKeys: readonly CryptoKey[];
  readonly clock: Clock;
}): Dpop {
  const { clock } = options;
  const { requireNonce, proofAgeSeconds, clockToleranceSeconds, replayEntries } = options.options;
  const proofs = createProofCheck({ type: "dpop+jwt", algorithms: DPOP_ALGORITHMS });
  const nonces = requireNonce ? createNonces(options.hmacKeys, clock) : null;
  const lifeSeconds = nonces?.lifeSeconds ?? proofAgeSeconds + clockToleranceSeconds;
  const used = createReplayMemory({ lifeSeconds, maxEntries: replayEntries });

  /**
   * When the proof was made (check 11): by the nonce where there is one, which
   * no clock of the client's can spoil, else by `iat`.
   */
  async function moment(claims: Claims): Promise<number | DpopFailure> {
    if (nonces !== null) {
      if (claims.nonce === undefined) return "nonce_missing";
      return await nonces.issuedAtSeconds(claims.nonce) ?? "nonce_stale";
    }
    const nowSeconds = clock() / 1000;
    if (claims.iat > nowSeconds + clockToleranceSeconds) return "in_future";
    return claims.iat < nowSeconds - proofAgeSeconds ? "too_old" : claims.iat;
  }

  async function failureOf(
    proof: Proof,
    request: DpopRequest,
    once: Once | undefined,
  ): Promise<DpopFailure | null> {
    const claims = readClaims(proof.payload);
    if (claims === null) return "missing_claim";
    if (claims.htm !== request.method) return "method_mismatch";
    if (!isSameUri(claims.htu, request.origin, request.path)) return "uri_mismatch";
    if (request.jkt !== undefined && request.jkt !== proof.jkt) return "key_mismatch";
    if (request.accessToken !== undefined) {
      if (claims.ath === undefined) return "missing_claim";
      if (claims.ath !== await sha256(request.accessToken)) return "token_mismatch";
    }
    const made = await moment(claims);
    if (typeof made === "string") return made;
    const taken = used.take(proof.jkt, claims.jti, made, clock() / 1000);
    if (taken !== "fresh") return taken;
    if (once === undefined) return null;
    const key = await sha256(`${proof.jkt}.${claims.jti}`);
    return await once(`dpop:${key}`, (made + lifeSeconds + 1) * 1000) ? null : "replayed";
  }

  async function refused(failure: DpopFailure): Promise<DpopOutcome> {
    const nonce = nonces !== null && asksForNonce(failure) ? await nonces.current() : null;
    return { kind: "refused", failure, nonce };
  }

  return {
    async check(header, request, once) {
      if (header === null) return await refused("missing");
      // `Headers` joins what came more than once; a proof itself has no comma.
      if (header.includes(",")) return await refused("several");
      const proof = await proofs.check(header);
      if (typeof proof === "string") return await refused(proof);
      const failure = await failureOf(proof, request, once);
      if (failure !== null) return await refused(failure);
      if (nonces === null) return { kind: "proven", jkt: proof.jkt, nonce: null };
      const current = await nonces.current();
      return {
        kind: "proven",
        jkt: proof.jkt,
        nonce: proof.payload["nonce"] === current ? null : current,
      };
    },
  };
}

/** Whether a client does better with the next nonce (`use_dpop_nonce`, RFC 9449 §8). */
export function asksForNonce(failure: DpopFailure): boolean {
  return failure === "nonce_missing" || failure === "nonce_stale" || failure === "too_old";
}

interface Claims {
  readonly jti: string;
  readonly htm: string;
  readonly htu: string;
  /** Epoch seconds. */
  readonly iat: number;
  readonly ath?: string;
  readonly nonce?: string;
}

/** RFC 9449 §4.2. */
function readClaims(payload: Readonly<Record<string, unknown>>): Claims | null {
  const { jti, htm, htu, iat, ath, nonce } = payload;
  if (typeof jti !== "string" || jti === "" || jti.length > MAX_JTI_LENGTH) return null;
  if (typeof htm !== "string" || typeof htu !== "string") return null;
  if (typeof iat !== "number" || !Number.isFinite(iat)) return null;
  if (ath !== undefined && typeof ath !== "string") return null;
  if (nonce !== undefined && typeof nonce !== "string") return null;
  return {
    jti,
    htm,
    htu,
    iat,
    ...(ath === undefined ? {} : { ath }),
    ...(nonce === undefined ? {} : { nonce }),
  };
}
