/**
 * Names of what a session belongs to, beside its subject (`tokens/groups.ts`).
 *
 * @module
 */
import type { NameGroup } from "../tokens/groups.ts";

/** What a session that began at a provider belongs to. */
export type GroupMember =
  /** Everything that came from a provider, by its name in the configuration. */
  | { readonly kind: "provider"; readonly provider: string }
  /** The provider's own session (`sid` of its ID token). */
  | { readonly kind: "provider session"; readonly issuer: string; readonly session: string }
  /** A person, as the provider calls them (`sub`). */
  | { readonly kind: "provider subject"; readonly issuer: string; readonly subject: string };

/** Names groups. */
export interface GroupNames {
  /** The name that a session is written under; the same whatever becomes of the keys. */
  nameOf(member: GroupMember): Promise<string>;
}

/** Prepares names; `nameGroup` is `Sessions.nameGroup`. */
export function createGroupNames(nameGroup: NameGroup): GroupNames {
  return {
    nameOf(member) {
      switch (member.kind) {
        case "provider":
          return nameGroup("provider", member.provider);
        case "provider session":
          return nameGroup("provider_session", member.issuer, member.session);
        case "provider subject":
          return nameGroup("provider_subject", member.issuer, member.subject);
      }
    },
  };
}
