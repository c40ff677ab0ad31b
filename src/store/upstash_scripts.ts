/**
 * The Lua scripts of the Upstash adapter. Each file says what its KEYS and
 * ARGV mean and what it returns. They ask Redis for no time and no chance:
 * both come in as arguments.
 *
 * @module
 */
import countAttempt from "./lua/count_attempt.lua" with { type: "text" };
import feed from "./lua/feed.lua" with { type: "text" };
import listSessions from "./lua/list_sessions.lua" with { type: "text" };
import open from "./lua/open.lua" with { type: "text" };
import probe from "./lua/probe.lua" with { type: "text" };
import readSession from "./lua/read_session.lua" with { type: "text" };
import refundAttempt from "./lua/refund_attempt.lua" with { type: "text" };
import revocationsSince from "./lua/revocations_since.lua" with { type: "text" };
import revokeSession from "./lua/revoke_session.lua" with { type: "text" };
import revokeSubject from "./lua/revoke_subject.lua" with { type: "text" };
import revokeToken from "./lua/revoke_token.lua" with { type: "text" };
import rotate from "./lua/rotate.lua" with { type: "text" };
import session from "./lua/session.lua" with { type: "text" };
import tokenStatus from "./lua/token_status.lua" with { type: "text" };

/** A script, and whether running it twice comes to the same as running it once. */
export interface Script {
  readonly source: string;
  /** Only then is it tried again when the answer did not come. */
  readonly repeatable: boolean;
}

/** Every script, with what has to stand before it. */
export const SCRIPTS = {
  open: repeatable(session, open),
  rotate: repeatable(session, feed, rotate),
  revokeSession: repeatable(session, feed, revokeSession),
  revokeSubject: repeatable(session, feed, revokeSubject),
  revokeToken: repeatable(session, feed, revokeToken),
  revocationsSince: repeatable(session, revocationsSince),
  tokenStatus: repeatable(session, tokenStatus),
  readSession: repeatable(session, readSession),
  listSessions: repeatable(session, listSessions),
  // Counted twice, somebody would be locked out too early; refunded twice, too late.
  countAttempt: once(countAttempt),
  refundAttempt: once(refundAttempt),
  probe: repeatable(probe),
} as const satisfies Readonly<Record<string, Script>>;

function repeatable(...parts: readonly string[]): Script {
  return { source: parts.join("\n"), repeatable: true };
}

function once(...parts: readonly string[]): Script {
  return { source: parts.join("\n"), repeatable: false };
}
