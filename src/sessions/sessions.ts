/**
 * The life of a session: opened at sign-in, kept by rotation, ended by
 * revocation. All decisions are the store's; this room gives them names and
 * makes them hold on this instance at once.
 *
 * @module
 */
import type { KeyBinding, SessionRecord } from "../base/session.ts";
import { MAX_PAGE } from "../store/port.ts";
import type { BindOutcome, SessionPage, SessionQuery, TokenStatus } from "../store/port.ts";
import type { VerifiedToken } from "../tokens/claims.ts";
import { createGroupNames } from "../tokens/groups.ts";
import type { NameGroup } from "../tokens/groups.ts";
import { createAdopt } from "./adopt.ts";
import type { Revocable } from "./blacklist.ts";
import { createSessionEnding } from "./end.ts";
import type { SessionEnding } from "./end.ts";
import { livesOf } from "./lives.ts";
import { createOpenSession } from "./open.ts";
import type { OpenSession } from "./open.ts";
import type { SessionParts } from "./parts.ts";
import { createRefresh } from "./rotate.ts";
import type { Refresh } from "./rotate.ts";

export type { Admitted, OpenedOutcome, SignedIn } from "./open.ts";
export type { RefreshOutcome } from "./rotate.ts";

/** An access token of anybody's, as far as its session is concerned. */
export type StandingToken = Revocable & {
  readonly subject: string;
  readonly isLegacy?: boolean;
};

/** Opens, keeps and ends sessions. Every method may throw `StoreUnavailableError`. */
export interface Sessions extends SessionEnding {
  readonly open: OpenSession;
  /** Exchanges a refresh token for a new pair. */
  readonly refresh: Refresh;
  /** Binds a session to a key, once. */
  bind(sid: string, bound: KeyBinding): Promise<BindOutcome>;
  /** Ends a session that was just opened, before anybody got its tokens. */
  discard(session: SessionRecord): Promise<void>;
  /** Asks the store, past the view, whether an access token stands. */
  status(token: StandingToken): Promise<TokenStatus>;
  /** Whether a refresh token, good by itself, has been revoked, or spent by rotation. */
  isSpent(token: VerifiedToken): Promise<boolean>;
  read(sid: string): Promise<SessionRecord | null>;
  list(query: SessionQuery): Promise<SessionPage>;
  /** The sessions of a subject, youngest first; of very many the youngest. */
  listOwn(subject: string): Promise<readonly SessionRecord[]>;
  /** How many sessions a subject has. */
  count(subject: string): Promise<number>;
  /** Gives the name of a group that sessions can be opened in, and ended by. */
  readonly nameGroup: NameGroup;
}

/** Puts the session operations together. */
export function createSessions(given: SessionParts): Sessions {
  const { store, config } = given;
  const nameGroup = createGroupNames(config.issuer);
  const parts = { ...given, ...livesOf(config), nameGroup };
  const ending = createSessionEnding(parts);

  function statusOf(token: StandingToken): Promise<TokenStatus> {
    const { sid, subject, jti, groups, sessionCreatedAtMs: bornAtMs } = token;
    return store.tokenStatus({ sid, subject, jti, groups, bornAtMs });
  }

  return {
    ...ending,
    open: createOpenSession(parts),
    refresh: createRefresh(parts, { adopt: createAdopt(parts, ending), ending }),
    bind: (sid, bound) => store.bind(sid, bound),
    async discard({ sid }) {
      await ending.end({ sid });
    },
    async status(token) {
      const status = await statusOf(token);
      // A token that others signed has no session, and that of one from before Postern is
      // nowhere recorded.
      const isUnrecorded = token.sid === null || token.isLegacy === true;
      return status === "unknown" && isUnrecorded ? "live" : status;
    },
    async isSpent(token) {
      if (token.isLegacy) return await statusOf(token) === "revoked";
      const session = await store.readSession(token.sid);
      return session === null || session.current.refreshJti !== token.jti;
    },
    read: (sid) => store.readSession(sid),
    list: (query) => store.listSessions(query),
    async listOwn(subject) {
      const query = { subject, after: null, limit: MAX_PAGE };
      return (await store.listSessions(query)).sessions;
    },
    count: (subject) => store.countSessions(subject),
    nameGroup,
  };
}
