/**
 * Signing in at a provider, from its proof to an open session.
 *
 * @module
 */
import type { JsonValue, SubjectClaims } from "../base/json.ts";
import type { SignedClaims } from "../identity/oidc/id_token.ts";
import type { OidcProof, OidcProvider } from "../identity/oidc/port.ts";
import type { NameGroup } from "../tokens/groups.ts";
import type { Admit, RefusalCode } from "./admission.ts";

/** A provider that people can sign in at. */
export interface SignInProvider {
  readonly oidc: OidcProvider;
  readonly issuer: string;
  readonly admit: Admit;
  /** Whether its refresh token is kept, and asked at each rotation whether the person may stay. */
  readonly rechecks: boolean;
}

/** Somebody who may come in, and what the session is opened with. */
export interface Admitted {
  readonly subject: string;
  readonly claims: SubjectClaims;
  /** Names of the groups that the session belongs to, its subject's not included. */
  readonly groups: readonly string[];
}

/** What became of a proof. */
export type ProofOutcome =
  | { readonly kind: "admitted"; readonly admitted: Admitted }
  | { readonly kind: "refused"; readonly code: RefusalCode };

/** Decides about a proof. */
export async function admitProof(
  { oidc, issuer, admit }: SignInProvider,
  { claims }: OidcProof,
  nameGroup: NameGroup,
): Promise<ProofOutcome> {
  const admission = admit(claims);
  if (admission.kind === "refused") return admission;
  const { subject, claims: kept } = admission;
  return {
    kind: "admitted",
    admitted: {
      subject,
      claims: kept,
      groups: await groupsOf(oidc.name, issuer, claims, nameGroup),
    },
  };
}

async function groupsOf(
  provider: string,
  issuer: string,
  { sub, sid }: SignedClaims,
  nameGroup: NameGroup,
): Promise<readonly string[]> {
  const session = textOf(sid);
  return await Promise.all([
    nameGroup("provider", provider),
    nameGroup("provider_subject", issuer, String(sub)),
    ...(session === null ? [] : [nameGroup("provider_session", issuer, session)]),
  ]);
}

function textOf(value: JsonValue | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
