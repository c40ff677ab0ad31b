/**
 * The Lua scripts of the adapters that keep sessions in Redis. Each file says
 * what its KEYS and ARGV mean and what it returns. They ask Redis for no time
 * and no chance: both come in as arguments.
 *
 * @module
 */
import bind from "./lua/bind.lua" with { type: "text" };
import countSessions from "./lua/count_sessions.lua" with { type: "text" };
import feed from "./lua/feed.lua" with { type: "text" };
import list from "./lua/list.lua" with { type: "text" };
import listSessions from "./lua/list_sessions.lua" with { type: "text" };
import open from "./lua/open.lua" with { type: "text" };
import probe from "./lua/probe.lua" with { type: "text" };
import readSession from "./lua/read_session.lua" with { type: "text" };
import reserveAttempt from "./lua/reserve_attempt.lua" with { type: "text" };
import revocationsSince from "./lua/revocations_since.lua" with { type: "text" };
import revokeGroup from "./lua/revoke_group.lua" with { type: "text" };
import revokeSession from "./lua/revoke_session.lua" with { type: "text" };
import revokeToken from "./lua/revoke_token.lua" with { type: "text" };
import rotate from "./lua/rotate.lua" with { type: "text" };
import scanSessions from "./lua/scan_sessions.lua" with { type: "text" };
import session from "./lua/session.lua" with { type: "text" };
import settleAttempt from "./lua/settle_attempt.lua" with { type: "text" };
import tokenStatus from "./lua/token_status.lua" with { type: "text" };

/** A script. Running it twice comes to the same as running it once, so it may be tried again. */
export interface Script {
  readonly source: string;
}

/** Every script, with what has to stand before it. */
export const SCRIPTS = {
  open: script(session, feed, open),
  rotate: script(session, feed, rotate),
  bind: script(session, bind),
  revokeSession: script(session, feed, revokeSession),
  revokeGroup: script(session, feed, revokeGroup),
  revokeToken: script(session, feed, revokeToken),
  revocationsSince: script(session, revocationsSince),
  tokenStatus: script(session, tokenStatus),
  readSession: script(session, readSession),
  listSessions: script(session, list, listSessions),
  scanSessions: script(session, list, scanSessions),
  countSessions: script(session, countSessions),
  reserveAttempt: script(session, reserveAttempt),
  settleAttempt: script(settleAttempt),
  probe: script(probe),
} as const satisfies Readonly<Record<string, Script>>;

function script(...parts: readonly string[]): Script {
  return { source: parts.join("\n") };
}
