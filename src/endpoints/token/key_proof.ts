/**
 * The proof of a key beside a request for tokens (RFC 9449 §5).
 *
 * @module
 */
import type { Context } from "hono";
import { proofProblem } from "../../access/prove_key.ts";
import type { Dpop } from "../../binding/dpop.ts";
import type { GatewayEnv } from "../../http/endpoint.ts";

/** What the `DPoP` header proves; `nonce` is for a `DPoP-Nonce` header of the answer. */
export type TokenKeyProof =
  | {
    readonly kind: "good";
    /** `null`: no key was shown, or DPoP is switched off. */
    readonly jkt: string | null;
    readonly nonce: string | null;
  }
  | {
    readonly kind: "refused";
    /** `error` of the answer. */
    readonly code: string;
    readonly detail: string | undefined;
    readonly nonce: string | null;
  };

/** Checks the proof of a request; writes the audit event of one that is refused. */
export type CheckTokenKey = (c: Context<GatewayEnv>) => Promise<TokenKeyProof>;

/** Prepares {@link CheckTokenKey}; with `null` DPoP is switched off, and the header says nothing. */
export function createTokenKeyCheck(dpop: Dpop | null): CheckTokenKey {
  return async function checkTokenKey(c) {
    const proof = c.req.raw.headers.get("dpop");
    if (dpop === null || proof === null) return { kind: "good", jkt: null, nonce: null };
    const { method, origin, target } = c.env.inbound;
    const outcome = await dpop.check(proof, { method, origin, path: target.path });
    const { nonce } = outcome;
    if (outcome.kind === "proven") return { kind: "good", jkt: outcome.jkt, nonce };
    const { code, detail } = proofProblem(outcome);
    // Whoever only lacks a fresh nonce is about to come back.
    if (code !== "use_dpop_nonce") {
      c.get("around").emit({ event: "binding_failed", reason: outcome.failure });
    }
    return { kind: "refused", code, detail, nonce };
  };
}
