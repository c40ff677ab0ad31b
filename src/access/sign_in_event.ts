/**
 * A sign-in in the audit log.
 *
 * @module
 */
import type { Surroundings } from "../http/around.ts";
import type { SignedIn } from "../sessions/sessions.ts";

/** Notes that somebody has signed in, and which older sessions of theirs gave way to that. */
export function noteSignIn(
  around: Pick<Surroundings, "emit">,
  { session: { subject, sid }, ended }: Pick<SignedIn, "session" | "ended">,
): void {
  around.emit({ event: "sign_in", subject, sid });
  for (const each of ended) around.emit({ event: "session_revoked", subject, sid: each });
}
