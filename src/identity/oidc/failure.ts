/**
 * Failures of the protocol as data. What a library throws may quote tokens and
 * claims, so a reason is made here from what is known to be harmless.
 *
 * @module
 */
import * as oauth from "oauth4webapi";
import { UnreachableError } from "../../outbound/bounded_fetch.ts";
import { LostFlightError } from "../../outbound/kept.ts";

/**
 * What went wrong with a question to the provider.
 * `unavailable`: it may work later. `refused`: the provider said no, with an error
 * code of RFC 6749 section 5.2. `untrusted`: the answer must not be believed.
 */
export type OidcFailure =
  | { readonly kind: "unavailable"; readonly reason: string }
  | { readonly kind: "refused"; readonly error: string; readonly reason: string }
  | { readonly kind: "untrusted"; readonly reason: string };

/** A check of our own that an answer did not pass. The message quotes nobody. */
export class UntrustedAnswerError extends Error {
  override readonly name = "UntrustedAnswerError";
  readonly code = "untrusted_answer";
}

/** RFC 6749 section 5.2: the characters of an error code. */
const ERROR_CODE = /^[\x20-\x21\x23-\x5B\x5D-\x7E]{1,64}$/;

/** The error code that a provider sent, if it is fit for a log and a comparison. */
export function errorCode(value: string): string {
  return ERROR_CODE.test(value) ? value : "unreadable_error";
}

/** Sorts what was thrown; what is none of the protocol's failures is thrown again. */
export function toFailure(error: unknown, about: string): OidcFailure {
  const reason = (text: string) => `${about}: ${text}`;
  if (error instanceof UnreachableError) {
    return { kind: "unavailable", reason: reason(error.message) };
  }
  if (error instanceof LostFlightError) {
    return { kind: "unavailable", reason: reason("no answer") };
  }
  if (error instanceof UntrustedAnswerError) {
    return { kind: "untrusted", reason: reason(error.message) };
  }
  if (error instanceof oauth.ResponseBodyError) {
    const code = errorCode(error.error);
    // A client that is set up wrongly is nobody's fault who wants to sign in.
    return code === "temporarily_unavailable" || code === "server_error"
      ? { kind: "unavailable", reason: reason(`the provider answers ${code}`) }
      : { kind: "refused", error: code, reason: reason(`the provider answers ${code}`) };
  }
  if (error instanceof oauth.OperationProcessingError) {
    return describe(error, reason);
  }
  if (error instanceof oauth.UnsupportedOperationError) {
    return { kind: "untrusted", reason: reason(error.message) };
  }
  // What the library stumbles over in an answer (a URL that is none, say) is the answer's fault.
  if (error instanceof TypeError || error instanceof RangeError || error instanceof DOMException) {
    return { kind: "untrusted", reason: reason(`an answer that can not be read (${error.name})`) };
  }
  throw error;
}

function describe(
  error: oauth.OperationProcessingError,
  reason: (text: string) => string,
): OidcFailure {
  switch (error.code) {
    // Only the status is wrong, or it is no JSON: a proxy in front of the provider, most often.
    case oauth.RESPONSE_IS_NOT_CONFORM: {
      const status = error.cause instanceof Response ? ` (status ${error.cause.status})` : "";
      return { kind: "unavailable", reason: reason(`an unexpected answer${status}`) };
    }
    case oauth.RESPONSE_IS_NOT_JSON:
    case oauth.PARSE_ERROR:
      return { kind: "unavailable", reason: reason("an answer that is not JSON") };
    case oauth.MISSING_SERVER_METADATA:
    case oauth.INVALID_SERVER_METADATA:
    case oauth.HTTP_REQUEST_FORBIDDEN:
      return { kind: "unavailable", reason: reason(`its discovery document: ${error.message}`) };
    default:
      // The library's own words name the claim, never its value.
      return { kind: "untrusted", reason: reason(error.message) };
  }
}
