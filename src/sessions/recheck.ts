/**
 * Asking, once for each rotation, whoever sealed something into a session record
 * whether its owner may stay.
 *
 * A provider may well spend its own refresh token with each question, and take a
 * second use for theft. So of all who present one refresh token of ours, on any
 * number of instances, exactly one asks; the others wait for what it finds.
 *
 * @module
 */
import { v4 } from "uuid";
import type { WaitUntil } from "../base/background.ts";
import type { SubjectClaims } from "../base/json.ts";
import type { AskContext, Presenter } from "../base/presenter.ts";
import type { SessionRecord } from "../base/session.ts";
import type { SessionStore } from "../store/port.ts";
import type { VerifiedToken } from "../tokens/claims.ts";

/** What a provider says; `sealed` is what the record holds from now on, `null` nothing. */
export type SealedOutcome =
  | {
    readonly kind: "welcome";
    readonly claims: SubjectClaims | null;
    readonly sealed: string | null;
  }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "unavailable"; readonly reason: string };

/** Asks with what was sealed. Never throws. */
export type RecheckSealed = (
  session: Pick<SessionRecord, "subject" | "claims">,
  sealed: string,
  context: AskContext & { readonly waitUntil: WaitUntil },
) => Promise<SealedOutcome>;

/** What a rotation goes on with. */
export type SealedCheck =
  /** Nothing to ask, or somebody else has asked. */
  | { readonly kind: "none" }
  | (SealedOutcome & { readonly release: () => Promise<void> });

/** How long one question may take, the rotation after it included. */
const HOLD_MS = 20_000;
/** How long, and how often, others look whether it is over. */
const WAIT_MS = 8_000;
const LOOK_MS = 100;

/** Prepares the check of one rotation. May throw `StoreUnavailableError`. */
export function createSealedCheck(
  { store, recheck }: {
    readonly store: Pick<SessionStore, "readSession" | "reserveAttempt" | "settleAttempt">;
    readonly recheck: RecheckSealed;
  },
): (token: VerifiedToken, presenter: Presenter) => Promise<SealedCheck> {
  /**
   * The record, as long as the presented token is the live one, and the key is proven that
   * the session is bound to: nobody spends a provider's token for whom the store then has none.
   */
  async function unspent(
    { sid, jti }: VerifiedToken,
    { provenJkt }: Presenter,
  ): Promise<SessionRecord | null> {
    const session = await store.readSession(sid);
    if (session === null || session.sealed === null) return null;
    const isProven = session.bound === null || session.bound.jkt === provenJkt;
    return isProven && session.current.refreshJti === jti ? session : null;
  }

  return async function checkSealed(token, presenter) {
    if (await unspent(token, presenter) === null) return { kind: "none" };
    const id = v4();
    const turn = {
      id,
      counters: [{ key: `recheck:${token.sid}`, limit: 1 }],
      windowMs: HOLD_MS,
    };
    const endMs = performance.now() + WAIT_MS;
    while (!(await store.reserveAttempt({ ...turn, holdMs: HOLD_MS })).allowed) {
      if (performance.now() > endMs) {
        return {
          kind: "unavailable",
          reason: "another instance is still asking the provider",
          release: () => Promise.resolve(),
        };
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (await unspent(token, presenter) === null) return { kind: "none" };
    }
    const release = () => store.settleAttempt({ ...turn, result: "succeeded" });
    // Whoever had the turn before may just have finished.
    const session = await unspent(token, presenter);
    if (session === null || session.sealed === null) {
      await release();
      return { kind: "none" };
    }
    const context = {
      ...presenter,
      waitUntil: (work: Promise<unknown>) => void work.catch(() => {}),
    };
    // Given up by the one who presented it, the question still has to end: it spends a token.
    const outcome = await recheck(session, session.sealed, {
      ...context,
      signal: new AbortController().signal,
    });
    return { ...outcome, release };
  };
}
