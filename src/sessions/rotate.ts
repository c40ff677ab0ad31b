/**
 * The middle of a session: a refresh token is exchanged for a new pair.
 *
 * @module
 */
import type { Presenter } from "../base/presenter.ts";
import type { KeyBinding } from "../base/session.ts";
import type { TokenFailure } from "../tokens/claims.ts";
import type { Adopt } from "./adopt.ts";
import type { SessionEnding } from "./end.ts";
import type { SignedIn } from "./open.ts";
import { nextGeneration } from "./parts.ts";
import type { PreparedParts } from "./parts.ts";
import { createSealedCheck } from "./recheck.ts";
import type { SealedCheck } from "./recheck.ts";

/** What became of a refresh token. */
export type RefreshOutcome =
  | { readonly kind: "refreshed"; readonly replayed: boolean; readonly signedIn: SignedIn }
  | { readonly kind: "invalid"; readonly failure: TokenFailure }
  | { readonly kind: "expired" }
  | { readonly kind: "reused"; readonly subject: string; readonly sid: string }
  | { readonly kind: "revoked"; readonly sid: string }
  /** Whoever presents it has not proven the key of the session; nothing has happened. */
  | {
    readonly kind: "unproven";
    readonly subject: string;
    readonly sid: string;
    readonly bound: KeyBinding;
  }
  /** Whoever vouched for the subject does so no more: the session is revoked. */
  | {
    readonly kind: "refused";
    readonly subject: string;
    readonly sid: string;
    /** For the log. */
    readonly reason: string;
  }
  /** The backend could not be asked; nothing has happened, and the token is good for another try. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** Exchanges a refresh token for a new pair. May throw `StoreUnavailableError`. */
export type Refresh = (refreshToken: string, presenter: Presenter) => Promise<RefreshOutcome>;

const NOTHING_SEALED: SealedCheck = { kind: "none" };

/** Prepares {@link Refresh}. */
export function createRefresh(
  parts: PreparedParts,
  { adopt, ending }: { readonly adopt: Adopt; readonly ending: SessionEnding },
): Refresh {
  const { store, view, verifier, mintPair, config, recheck, recheckSealed, denyForMs } = parts;
  const checkSealed = recheckSealed === null
    ? null
    : createSealedCheck({ store, recheck: recheckSealed });

  return async function refresh(refreshToken, presenter) {
    const token = await verifier.verify(refreshToken, "refresh");
    if (typeof token === "string") {
      return token === "expired" ? { kind: "expired" } : { kind: "invalid", failure: token };
    }
    const { sid, subject } = token;
    // Whoever has no proof learns nothing and spends nothing: the owner stays signed in.
    if (token.bound !== null && token.bound.jkt !== presenter.provenJkt) {
      return { kind: "unproven", subject, sid, bound: token.bound };
    }
    // The store decides. But one that was restored from a snapshot may not know what we know.
    if (view.isRevoked({ ...token, jti: "" })) return { kind: "revoked", sid };
    if (token.isLegacy) {
      const refused = await adopt(refreshToken, token, presenter);
      if (refused !== null) return refused;
    }
    const checked = await recheck?.(subject, presenter);
    if (checked?.kind === "unavailable") return checked;
    if (checked?.kind === "refused") {
      await ending.endOf({ ...token, isLegacy: false });
      return { kind: "refused", subject, sid, reason: "the backend knows them no more" };
    }
    const sealed = await checkSealed?.(token, presenter) ?? NOTHING_SEALED;
    if (sealed.kind === "unavailable") {
      await sealed.release();
      return { kind: "unavailable", reason: sealed.reason };
    }
    if (sealed.kind === "refused") {
      await ending.endOf(token);
      await sealed.release();
      return { kind: "refused", subject, sid, reason: sealed.reason };
    }
    const isAsked = sealed.kind === "welcome";
    const claims = (isAsked ? sealed.claims : null) ?? checked?.claims ?? null;
    const outcome = await store.rotate({
      sid,
      subject,
      presentedJti: token.jti,
      next: nextGeneration(parts),
      graceMs: config.rotationGraceMs,
      denyForMs,
      groups: token.groups,
      jkt: presenter.provenJkt ?? null,
      ...(claims === null ? {} : { claims }),
      ...(isAsked ? { sealed: sealed.sealed } : {}),
    });
    if (isAsked) await sealed.release();
    switch (outcome.kind) {
      case "rotated":
      case "replayed": {
        const { session, generation } = outcome;
        const pair = await mintPair(session, generation);
        return {
          kind: "refreshed",
          replayed: outcome.kind === "replayed",
          signedIn: { session, pair, ended: [] },
        };
      }
      case "reused":
        view.apply({ kind: "session", sid, untilMs: outcome.untilMs });
        return { kind: "reused", subject, sid };
      case "revoked":
        return { kind: "revoked", sid };
      // Bound since its refresh token was minted, which says nothing of it.
      case "unproven":
        return { kind: "unproven", subject, sid, bound: outcome.bound };
      case "unknown":
        return token.isLegacy ? { kind: "revoked", sid } : { kind: "expired" };
    }
  };
}
