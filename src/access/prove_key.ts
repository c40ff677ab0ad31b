/**
 * Whether the holder of a bound token has its key (RFC 9449 §7), and no way
 * around it in either direction.
 *
 * @module
 */
import type { Dpop, DpopOutcome } from "../binding/dpop.ts";
import type { Once } from "../binding/once.ts";
import { asksForNonce, DPOP_ALGORITHMS } from "../binding/dpop.ts";
import type { Asking } from "../http/inbound.ts";
import type { Problem } from "../http/problem.ts";
import type { CallerToken } from "../tokens/claims.ts";
import type { Credential } from "./credential.ts";

/** Whether the key of a token is at hand. */
export type KeyProof =
  | {
    /** It was proven, or the token is bound to none. */
    readonly kind: "good";
    /** For a `DPoP-Nonce` header of the answer: a newer nonce, when there is one (§8.2). */
    readonly nonce: string | null;
  }
  | { readonly kind: "refused"; readonly problem: Problem };

/** With `isStrict` no instance takes a proof that another one has taken. */
export type ProveKey = (
  asking: Pick<Asking, "method" | "headers" | "origin" | "target" | "around">,
  credential: Extract<Credential, { readonly kind: "bearer" }>,
  token: CallerToken,
  isStrict: boolean,
) => Promise<KeyProof>;

const NO_KEY_NEEDED: KeyProof = { kind: "good", nonce: null };

/**
 * Prepares {@link ProveKey}; with `null` DPoP is switched off, and what is bound by it is
 * refused. `once` remembers proofs where all instances see it.
 */
export function createProveKey(dpop: Dpop | null, once: Once): ProveKey {
  return async function proveKey(
    { method, headers, origin, target, around },
    { token: text, scheme },
    token,
    isStrict,
  ) {
    const jkt = token.bound?.by === "dpop" ? token.bound.jkt : null;
    if (jkt === null && scheme === "bearer") return NO_KEY_NEEDED;
    // RFC 9449 §7.2: a bound token is no bearer token; nor does a proof make one of an unbound one.
    if (jkt === null || scheme === "bearer" || dpop === null) {
      return { kind: "refused", problem: { code: "token_invalid" } };
    }
    const outcome = await dpop.check(
      headers.get("dpop"),
      { method, origin, path: target.path, accessToken: text, jkt },
      isStrict ? once : undefined,
    );
    if (outcome.kind === "proven") return { kind: "good", nonce: outcome.nonce };
    const problem = proofProblem(outcome);
    // Whoever only lacks a fresh nonce is about to come back.
    if (problem.code !== "use_dpop_nonce") {
      around.emit({ event: "binding_failed", reason: outcome.failure, subject: token.subject });
    }
    return { kind: "refused", problem };
  };
}

/** A refused proof in the words of RFC 9449 §5, §7.1, §8 and §9. */
export function proofProblem(
  { failure, nonce }: Extract<DpopOutcome, { readonly kind: "refused" }>,
): Problem {
  return {
    code: asksForNonce(failure) && nonce !== null ? "use_dpop_nonce" : "invalid_dpop_proof",
    detail: `The DPoP proof was refused: ${failure}.`,
    dpop: { algorithms: DPOP_ALGORITHMS, nonce },
    extensions: { reason: failure },
  };
}
