/**
 * The beginning of a session.
 *
 * @module
 */
import { v7 } from "uuid";
import type { SubjectClaims } from "../base/json.ts";
import type { Presenter } from "../base/presenter.ts";
import { MAX_GROUPS } from "../base/session.ts";
import type { KeyBinding, SessionRecord } from "../base/session.ts";
import type { TokenPair } from "../tokens/mint.ts";
import { isFamily, nameFamily } from "./families.ts";
import { keptOf, nextGeneration } from "./parts.ts";
import type { PreparedParts } from "./parts.ts";

/** A session together with the pair that was just minted for it. */
export interface SignedIn {
  readonly session: SessionRecord;
  readonly pair: TokenPair;
  /** `sid`s of older sessions of the subject that had to give way (`tokens.maxSessions`). */
  readonly ended: readonly string[];
}

/** Somebody whose identity was proved, and who may come in. */
export interface Admitted {
  readonly subject: string;
  readonly claims: SubjectClaims;
  /** Names of further groups, made by `Sessions.nameGroup`; the subject's is added here. */
  readonly groups?: readonly string[];
  /** A provider's refresh token, sealed. */
  readonly sealed?: string | null;
  readonly bound?: KeyBinding | null;
  /**
   * When the identity began to be proved, epoch milliseconds. The session is as old as
   * that: whatever is revoked from then on covers it, a sign-in under way included.
   */
  readonly sinceMs: number;
  /** When the session ends at the latest, epoch seconds; `tokens.sessionMaxAge` if absent. */
  readonly capSeconds?: number;
}

/** What became of a sign-in. */
export type OpenedOutcome =
  | { readonly kind: "opened"; readonly signedIn: SignedIn }
  /**
   * Revoked since the proof began: nobody can tell what it is worth. One that begins now is
   * good for a session that is younger than `notAfterMs`.
   */
  | { readonly kind: "superseded"; readonly notAfterMs: number };

/** Opens a session. May throw `StoreUnavailableError`. */
export type OpenSession = (
  admitted: Admitted,
  presenter: Pick<Presenter, "device">,
) => Promise<OpenedOutcome>;

/** Prepares {@link OpenSession}. */
export function createOpenSession(parts: PreparedParts): OpenSession {
  const { store, view, mintPair, clock, config, denyForMs, nameGroup } = parts;

  return async function openSession(admitted, { device }) {
    const { subject, claims } = admitted;
    const own = await nameGroup("subject", subject);
    const groups = [own, ...(admitted.groups ?? []).filter((group) => group !== own)];
    const hasFamily = config.hasFamilies !== true || groups.some(isFamily);
    if (groups.length > MAX_GROUPS) throw new TypeError("a session belongs to too many groups");
    const { sinceMs: createdAtMs, capSeconds: askedCapSeconds = Infinity } = admitted;
    const oldestSeconds = Math.floor(clock() / 1000) + config.sessionMaxAgeSeconds;
    const capSeconds = Math.min(oldestSeconds, askedCapSeconds);
    const sid = v7({ msecs: createdAtMs });
    const session = {
      sid,
      subject,
      claims,
      createdAtMs,
      capSeconds,
      ...keptOf(device),
      groups: hasFamily ? groups : [...groups, await nameFamily(nameGroup, sid)],
      bound: admitted.bound ?? null,
      sealed: admitted.sealed ?? null,
      current: nextGeneration(parts, capSeconds),
    };
    const record = {
      ...session,
      lastSeenAtMs: createdAtMs,
      latestExp: session.current.accessExpiresAtSeconds,
    };
    // Minted before the session is recorded: what can not be minted leaves no trace.
    const pair = await mintPair(record, session.current);
    const { maxSessions } = config;
    const outcome = await store.open(session, { maxSessions, denyForMs });
    if (outcome.kind === "superseded") return outcome;
    for (const ended of outcome.ended) view.apply(ended);
    const ended = outcome.ended.map(({ sid }) => sid);
    return { kind: "opened", signedIn: { session: record, pair, ended } };
  };
}
