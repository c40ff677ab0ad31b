/**
 * Identity source with users in memory, for trying Postern out. Dev mode only.
 *
 * @module
 */
import type { SubjectClaims } from "../base/json.ts";
import type { Credentials, IdentitySource } from "./port.ts";

/** A person of the demo. */
export interface DemoUser extends Credentials {
  readonly subject: string;
  readonly claims: SubjectClaims;
}

/** The one user that a demo starts with. */
export const DEMO_USERS: readonly DemoUser[] = [
  {
    username: "demo",
    password: "postern",
    subject: "demo",
    claims: { scope: "read write", name: "Demo User" },
  },
];

/** Accepts the given users and nobody else. Never throttled, never unavailable. */
export function createDemoIdentity(users: readonly DemoUser[] = DEMO_USERS): IdentitySource {
  return {
    async authenticate(credentials) {
      const presented = await digestOf(credentials);
      let accepted: DemoUser | null = null;
      // Every user is compared, to the end: the time tells nothing about who exists.
      for (const user of users) {
        if (equal(await digestOf(user), presented)) accepted = user;
      }
      return accepted === null
        ? { kind: "rejected" }
        : { kind: "accepted", subject: accepted.subject, claims: accepted.claims };
    },
  };
}

async function digestOf({ username, password }: Credentials): Promise<Uint8Array> {
  // As a JSON array, so that no name can borrow characters from a password.
  const text = new TextEncoder().encode(JSON.stringify([username, password]));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", text));
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0);
  return difference === 0;
}
