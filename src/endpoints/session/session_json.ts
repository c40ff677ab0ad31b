/**
 * *Session JSON* of the wire contract.
 *
 * @module
 */
import type { CookieSession } from "../../access/cookie_session.ts";
import type { KeyBinding, SessionRecord } from "../../base/session.ts";
import type { VerifiedToken } from "../../tokens/claims.ts";

/** Who is signed in; times as ISO 8601. */
export interface SessionJson {
  readonly subject: string;
  readonly sid: string;
  readonly scope: string;
  readonly accessExpiresAt: string;
  readonly refreshExpiresAt: string;
  readonly csrfToken: string;
  /** See {@link bindingOf}. */
  readonly bound?: KeyBinding["by"] | null;
}

/**
 * How the key is proven that a session is bound to. `null`: it is bound to none, and may be;
 * absent where nobody asks for that: such answers stay as they always were.
 */
export function bindingOf(
  { bound }: SessionRecord,
  binds: boolean,
): Pick<SessionJson, "bound"> {
  if (bound !== null) return { bound: bound.by };
  return binds ? { bound: null } : {};
}

/** Of a pair on its way to a browser. `binds`: whether sessions are bound here. */
export function sessionJsonOf(
  { signedIn: { session, pair }, csrfToken }: CookieSession,
  binds: boolean,
): SessionJson {
  const { scope } = session.claims;
  return {
    subject: session.subject,
    sid: session.sid,
    scope: typeof scope === "string" ? scope : "",
    accessExpiresAt: iso(pair.accessExpiresAtSeconds),
    refreshExpiresAt: iso(pair.refreshExpiresAtSeconds),
    csrfToken,
    ...bindingOf(session, binds),
  };
}

/** Of whoever asks, with the record of their session. */
export function sessionJsonFor(
  token: VerifiedToken,
  session: SessionRecord,
  csrfToken: string,
  binds: boolean,
): SessionJson {
  return {
    subject: token.subject,
    sid: token.sid,
    scope: token.scope,
    accessExpiresAt: iso(token.expiresAtSeconds),
    refreshExpiresAt: iso(session.current.refreshExpiresAtSeconds),
    csrfToken,
    ...bindingOf(session, binds),
  };
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
