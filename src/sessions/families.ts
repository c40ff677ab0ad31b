/**
 * Families: sessions of several hosts that began with one sign-in. The group of a
 * family can be told from others, so that whoever ends one session finds all.
 *
 * @module
 */
import type { NameGroup } from "../tokens/groups.ts";

/** No hash in base64url has a dot in it. */
const MARK = "family.";

/** The name of the family that begins with a session. */
export async function nameFamily(nameGroup: NameGroup, sid: string): Promise<string> {
  return MARK + await nameGroup("family", sid);
}

/** Whether a group is a family. */
export function isFamily(group: string): boolean {
  return group.startsWith(MARK);
}
