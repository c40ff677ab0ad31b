/**
 * Proofs of device-bound sessions: those of Device Bound Session Credentials
 * (https://www.w3.org/TR/dbsc/), as Chromium 156 speaks it, and those of our own
 * script for the other browsers, which have the same form.
 *
 * @module
 */
import { decode, encode } from "jose/base64url";
import type { Challenges } from "./challenge.ts";
import { createProofCheck, type ProofFailure } from "./proof.ts";
import { type ProofAlgorithm, type PublicJwk, readPublicJwk } from "./public_key.ts";

/** What a browser may sign with: TPMs know these two. */
export const DEVICE_ALGORITHMS: readonly ProofAlgorithm[] = ["ES256", "RS256"];

/** Why a browser's proof is refused. */
export type DeviceFailure =
  | "missing"
  | ProofFailure
  /** The session identifier holds no key, or is another session's. */
  | "unknown_session"
  /** Not a challenge of ours for this session, this origin and this refresh token. */
  | "foreign_challenge"
  /** Ours, but too old: the next one is to be signed. */
  | "expired_challenge"
  /** Good, but by another key than the session is bound to. */
  | "key_mismatch";

/** A key that was proven to be at hand, or the reason why it was not. */
export type DeviceOutcome =
  | { readonly kind: "proven"; readonly jkt: string; readonly jwk: PublicJwk }
  | { readonly kind: "refused"; readonly failure: DeviceFailure };

/** What a proof is held against. */
export interface DeviceRequest {
  readonly origin: string;
  readonly sid: string;
  readonly refreshJti: string;
}

/** Checks the proofs of browsers. */
export interface DeviceProofs {
  /** A proof that brings its key along: the session is about to be bound to it. */
  checkRegistration(proof: string | null, request: DeviceRequest): Promise<DeviceOutcome>;
  /**
   * A proof by the key of `identifier` (as {@link sessionIdentifier} made it).
   * `jkt` is the thumbprint that the session is bound to; only that vouches for
   * the key in the identifier, which the sender could have written.
   */
  checkRefresh(
    proof: string | null,
    identifier: string | null,
    request: DeviceRequest & { readonly jkt: string },
  ): Promise<DeviceOutcome>;
}

/** Prepares the checks. */
export function createDeviceProofs(challenges: Challenges): DeviceProofs {
  const proofs = createProofCheck({ type: "dbsc+jwt", algorithms: DEVICE_ALGORITHMS });

  async function answers(
    payload: Readonly<Record<string, unknown>>,
    act: "register" | "refresh",
    request: DeviceRequest,
  ): Promise<DeviceFailure | null> {
    const { jti } = payload;
    if (typeof jti !== "string") return "foreign_challenge";
    const { origin, sid, refreshJti } = request;
    switch (await challenges.check(jti, { act, origin, sid, refreshJti })) {
      case "good":
        return null;
      case "expired":
        return "expired_challenge";
      case "foreign":
        return "foreign_challenge";
    }
  }

  async function check(
    header: string | null,
    act: "register" | "refresh",
    request: DeviceRequest,
    known: { readonly jwk: PublicJwk; readonly jkt: string } | null,
  ): Promise<DeviceOutcome> {
    const refused = (failure: DeviceFailure): DeviceOutcome => ({ kind: "refused", failure });
    const jws = header === null ? null : bareString(header);
    if (jws === null) return refused("missing");
    const proof = await (known === null ? proofs.check(jws) : proofs.check(jws, known.jwk));
    if (typeof proof === "string") return refused(proof);
    if (known !== null && proof.jkt !== known.jkt) return refused("key_mismatch");
    const failure = await answers(proof.payload, act, request);
    return failure === null ? { kind: "proven", jkt: proof.jkt, jwk: proof.jwk } : refused(failure);
  }

  return {
    checkRegistration: (proof, request) => check(proof, "register", request, null),
    async checkRefresh(proof, identifier, request) {
      if (proof === null) return { kind: "refused", failure: "missing" };
      const named = identifier === null ? null : readSessionIdentifier(bareString(identifier));
      return named === null || named.sid !== request.sid
        ? { kind: "refused", failure: "unknown_session" }
        : await check(proof, "refresh", request, { jwk: named.jwk, jkt: request.jkt });
    },
  };
}

/**
 * The `session_identifier` of a bound session: the `sid` and the public key.
 * The proof of a refresh carries no key (draft, "DBSC Proof JWT Syntax"), and
 * what the browser gives back with it spares the store from holding one.
 */
export function sessionIdentifier(sid: string, jwk: PublicJwk): string {
  return `${sid}.${encode(new TextEncoder().encode(JSON.stringify(jwk)))}`;
}

function readSessionIdentifier(
  identifier: string,
): { readonly sid: string; readonly jwk: PublicJwk } | null {
  const dot = identifier.indexOf(".");
  if (dot < 0 || identifier.length > 2048) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(
      decode(identifier.slice(dot + 1)),
    );
    const value: unknown = JSON.parse(text);
    for (const alg of DEVICE_ALGORITHMS) {
      const jwk = readPublicJwk(value, alg);
      if (typeof jwk !== "string") return { sid: identifier.slice(0, dot), jwk };
    }
  } catch {
    // Not one of ours.
  }
  return null;
}

/**
 * The value of an `sf-string` header (RFC 9651 §3.3.3). Chromium 156 sends it
 * bare, the draft's examples have the quotes; neither a proof nor an identifier
 * holds anything that would be escaped.
 */
function bareString(header: string): string {
  const value = header.trim();
  return value.length > 1 && value.startsWith('"') && value.endsWith('"')
    ? value.slice(1, -1)
    : value;
}
