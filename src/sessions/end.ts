/**
 * The end of sessions and tokens: everything that ends one comes through here,
 * so that it holds on this instance at once.
 *
 * @module
 */
import { EVERYBODY } from "../store/port.ts";
import type { Revocation } from "../store/port.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import { isFamily } from "./families.ts";
import type { PreparedParts } from "./parts.ts";

/** What is to end. */
export type Ending =
  | { readonly sid: string }
  /** All sessions that a subject has now. */
  | { readonly subject: string }
  /** All sessions that are in a group now, by the name that `Sessions.nameGroup` gives. */
  | { readonly group: string }
  /** One token. */
  | { readonly jti: string }
  /** Everybody's sessions that were opened at or before this time (epoch milliseconds). */
  | { readonly issuedBeforeMs: number };

/** Ends sessions and tokens. Every method may throw `StoreUnavailableError`. */
export interface SessionEnding {
  /** `false`: there is no such session, or it had ended before. */
  end(ending: Ending): Promise<boolean>;
  /** Ends the session of a token that was verified, though its record may be gone. */
  endOf(token: VerifiedToken): Promise<void>;
  /** Ends one of the subject's own sessions; `false` when there is no such session. */
  endOwn(subject: string, sid: string): Promise<boolean>;
  /** Ends a single token. */
  endToken(token: Pick<VerifiedToken, "jti" | "exp">): Promise<void>;
  /**
   * Ends an access token for whoever holds it. Of many of one session the session itself
   * ends: each is an entry that every instance holds, and their holder can have as many
   * as they like. Says what has ended.
   */
  endAccess(token: VerifiedToken): Promise<"token" | "session">;
}

/** Single access tokens of one session that are remembered at a time. */
const MAX_TOKENS = 20;

/** Prepares {@link SessionEnding}. */
export function createSessionEnding(parts: PreparedParts): SessionEnding {
  const { store, view, clock, config, denyForMs, rememberForMs, nameGroup } = parts;

  /** The sessions of other hosts that began with the same sign-in. */
  async function endFamily(sid: string, subject: string | undefined): Promise<void> {
    const record = await store.readSession(sid);
    if (record === null || (subject !== undefined && record.subject !== subject)) return;
    const family = record.groups.find(isFamily);
    if (family !== undefined) await endGroup(family);
  }

  async function endSession(
    sid: string,
    { subject, mustExist }: { readonly subject?: string; readonly mustExist: boolean },
  ): Promise<boolean> {
    if (config.hasFamilies === true) await endFamily(sid, subject);
    const outcome = await store.revokeSession({
      sid,
      denyForMs,
      mustExist,
      ...(subject === undefined ? {} : { subject }),
    });
    if (outcome.kind === "not_found") return false;
    view.apply({ kind: "session", sid, untilMs: outcome.untilMs });
    return outcome.kind === "revoked";
  }

  async function endGroup(group: string, notAfterMs?: number): Promise<boolean> {
    view.apply(
      await store.revokeGroup({
        group,
        denyForMs,
        rememberForMs,
        ...(notAfterMs === undefined ? {} : { notAfterMs }),
      }),
    );
    return true;
  }

  async function endJti(jti: string, untilMs: number): Promise<boolean> {
    await store.revokeToken({ jti, untilMs });
    const revocation: Revocation = { kind: "token", jti, untilMs };
    view.apply(revocation);
    return true;
  }

  async function endToken({ jti, exp }: Pick<VerifiedToken, "jti" | "exp">): Promise<void> {
    await endJti(jti, (exp + 2 * config.clockToleranceSeconds + 1) * 1000);
  }

  async function endOf(token: VerifiedToken): Promise<void> {
    // Nothing but its `jti` keeps a token from before Postern from being adopted.
    if (token.isLegacy) await endToken(token);
    await endSession(token.sid, { subject: token.subject, mustExist: false });
  }

  return {
    async end(ending) {
      if ("sid" in ending) return await endSession(ending.sid, { mustExist: true });
      if ("group" in ending) return await endGroup(ending.group);
      if ("subject" in ending) return await endGroup(await nameGroup("subject", ending.subject));
      if ("issuedBeforeMs" in ending) {
        // What is yet to come is nobody's past: a mark there would make all later births strange.
        return await endGroup(EVERYBODY, Math.min(ending.issuedBeforeMs, clock()));
      }
      // When it ends by itself is not known: no token lives longer than this.
      return await endJti(ending.jti, clock() + rememberForMs);
    },

    endOf,

    async endAccess(token) {
      const place = await store.reserveAttempt({
        // The same token takes one place however often it is ended; none is given back, it
        // comes free when the token would have been forgotten.
        id: token.jti,
        counters: [{ key: `revoke:${token.sid}`, limit: MAX_TOKENS }],
        windowMs: denyForMs,
        holdMs: denyForMs,
      });
      if (place.allowed) {
        await endToken(token);
        return "token";
      }
      await endOf(token);
      return "session";
    },

    endOwn: (subject, sid) => endSession(sid, { subject, mustExist: true }),
    endToken,
  };
}
