/**
 * A sign-in in the audit log.
 *
 * @module
 */
import type { Surroundings } from "../http/around.ts";
import type { SignedIn } from "../sessions/sessions.ts";

/** What a provider had to do with it. */
export interface VouchedBy {
  readonly provider: string;
  /** `amr` of the ID token: words of the provider's, of any number and length. */
  readonly amr: unknown;
}

/** Methods, and the letters of each, that are worth a place in a log. */
const MAX_METHODS = 8;
const MAX_METHOD_LENGTH = 32;

/** Notes that somebody has signed in, and which older sessions of theirs gave way to that. */
export function noteSignIn(
  around: Pick<Surroundings, "emit">,
  { session: { subject, sid }, ended }: Pick<SignedIn, "session" | "ended">,
  vouched?: VouchedBy,
): void {
  around.emit({
    event: "sign_in",
    subject,
    sid,
    ...(vouched === undefined ? {} : { provider: vouched.provider, ...methodsOf(vouched.amr) }),
  });
  for (const each of ended) around.emit({ event: "session_revoked", subject, sid: each });
}

function methodsOf(amr: unknown): { readonly amr?: readonly string[] } {
  if (!Array.isArray(amr)) return {};
  const methods = amr.filter((each): each is string =>
    typeof each === "string" && each.length <= MAX_METHOD_LENGTH
  );
  return methods.length === 0 ? {} : { amr: methods.slice(0, MAX_METHODS) };
}
