/**
 * Why a sign-in at a provider did not end signed in, as the sign-in page is told.
 *
 * @module
 */
import type { RefusalCode } from "../../sign_in/admission.ts";

/** Reasons that the sign-in page has words for. */
export const OIDC_REASONS = [
  "access_denied",
  "login_required",
  "step_up_failed",
  "provider_unavailable",
  "sign_in_failed",
  "start_again",
  "not_allowed",
  "email_unverified",
  "groups_overage",
  "store_unavailable",
  "claims_too_large",
] as const;

/** One of {@link OIDC_REASONS}. */
export type OidcReason = (typeof OIDC_REASONS)[number];

/** Whether a text is a reason. */
export function isOidcReason(text: string | undefined): text is OidcReason {
  return OIDC_REASONS.some((reason) => reason === text);
}

/** What an error of the provider means to a person (RFC 6749 section 4.1.2.1, Core section 3.1.2.6). */
export function reasonOfError(error: string): OidcReason {
  switch (error) {
    case "access_denied":
    case "consent_required":
      return "access_denied";
    case "login_required":
    case "interaction_required":
    case "account_selection_required":
      return "login_required";
    case "unmet_authentication_requirements":
      return "step_up_failed";
    case "temporarily_unavailable":
    case "server_error":
      return "provider_unavailable";
    default:
      return "sign_in_failed";
  }
}

/** What a refusal means to a person. */
export function reasonOfRefusal(code: RefusalCode): OidcReason {
  switch (code) {
    case "email_unverified":
    case "groups_overage":
    case "not_allowed":
      return code;
    case "email_missing":
      return "not_allowed";
    case "subject_unusable":
      return "sign_in_failed";
  }
}
