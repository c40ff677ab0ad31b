/**
 * Proofs of device-bound sessions: those of Device Bound Session Credentials
 * (https://www.w3.org/TR/dbsc/), as Chromium 156 speaks it, and those of our own
 * script for the other browsers, which have the same form.
 *
 * @module
 */
import { decode, encode } from "jose/base64url";
import type { Clock } from "../base/clock.ts";
import { challengeMadeAtSeconds, type Challenges } from "./challenge.ts";
import { createProofCheck, type Proof, type ProofFailure } from "./proof.ts";
import { type ProofAlgorithm, type PublicJwk, readPublicJwk } from "./public_key.ts";
import type { Once } from "./once.ts";
import { createReplayMemory } from "./replay.ts";
import { sha256 } from "./sha256.ts";

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
  /** Answered before, here: the next one is to be signed. */
  | "replayed"
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
   * A proof of our own script's, which brings its key along each time; what vouches for that
   * key is the thumbprint, as for {@link DeviceProofs.checkRefresh}.
   */
  checkScript(
    proof: string | null,
    request: DeviceRequest & { readonly jkt: string | null },
  ): Promise<DeviceOutcome>;
  /**
   * A proof by the key of `identifier` (as {@link sessionIdentifier} made it).
   * The sender could have written that identifier: only the thumbprint that the session is
   * bound to vouches for its key. `jkt` is that thumbprint where it is known here; where it
   * is not, the one that was proven has to be held against the record (`Rotation.jkt`).
   */
  checkRefresh(
    proof: string | null,
    identifier: string | null,
    request: DeviceRequest & { readonly jkt: string | null },
  ): Promise<DeviceOutcome>;
}

/**
 * Prepares the checks. A challenge is answered once: whoever sees a request on its way finds
 * its proof spent, on every instance where it would renew something. (To register the same
 * key a second time gives nobody anything.)
 */
export function createDeviceProofs({ challenges, clock, lifeSeconds, replayEntries, once }: {
  readonly challenges: Challenges;
  readonly clock: Clock;
  /** The longest life of a challenge. */
  readonly lifeSeconds: number;
  /** Proofs remembered. */
  readonly replayEntries: number;
  /** Remembers them where all instances see it; whatever that throws is thrown on. */
  readonly once: Once;
}): DeviceProofs {
  const used = createReplayMemory({ lifeSeconds, maxEntries: replayEntries });
  const proofs = createProofCheck({ type: "dbsc+jwt", algorithms: DEVICE_ALGORITHMS });

  async function answers(
    { jkt, payload }: Proof,
    act: "register" | "refresh",
    request: DeviceRequest,
  ): Promise<DeviceFailure | null> {
    const { jti } = payload;
    if (typeof jti !== "string") return "foreign_challenge";
    const { origin, sid, refreshJti } = request;
    switch (await challenges.check(jti, { act, origin, sid, refreshJti })) {
      case "good": {
        const madeAtSeconds = challengeMadeAtSeconds(jti);
        const taken = used.take(jkt, jti, madeAtSeconds, clock() / 1000);
        if (taken !== "fresh") return "replayed";
        if (act === "register") return null;
        const isFirst = await once(
          `device:${await sha256(`${jkt}.${jti}`)}`,
          (madeAtSeconds + lifeSeconds + 1) * 1000,
        );
        return isFirst ? null : "replayed";
      }
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
    /** The key, where the proof brings none, and the thumbprint that it must have. */
    known: { readonly jwk?: PublicJwk; readonly jkt: string | null },
  ): Promise<DeviceOutcome> {
    const refused = (failure: DeviceFailure): DeviceOutcome => ({ kind: "refused", failure });
    const jws = header === null ? null : bareString(header);
    if (jws === null) return refused("missing");
    const proof = await proofs.check(jws, known.jwk);
    if (typeof proof === "string") return refused(proof);
    if (known.jkt !== null && proof.jkt !== known.jkt) return refused("key_mismatch");
    const failure = await answers(proof, act, request);
    return failure === null ? { kind: "proven", jkt: proof.jkt, jwk: proof.jwk } : refused(failure);
  }

  return {
    checkRegistration: (proof, request) => check(proof, "register", request, { jkt: null }),
    checkScript: (proof, request) => check(proof, "refresh", request, request),
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

/** Whether a browser does better with the next challenge. */
export function asksForChallenge(failure: DeviceFailure): boolean {
  return failure === "missing" || failure === "foreign_challenge" ||
    failure === "expired_challenge" || failure === "replayed";
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
