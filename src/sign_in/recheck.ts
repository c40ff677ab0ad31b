/**
 * Whether somebody who signed in at a provider may stay: asked at each rotation,
 * with the provider's refresh token, which the session record keeps sealed.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { JsonValue, SubjectClaims } from "../base/json.ts";
import type { RecheckSealed, SealedOutcome } from "../sessions/recheck.ts";
import { createSeal } from "../tokens/seal.ts";
import type { Seal } from "../tokens/seal.ts";
import type { SignInProvider } from "./provider.ts";

/** What is sealed in a session record. */
interface Grant {
  readonly provider: string;
  /** As the provider calls the person. */
  readonly sub: string;
  /** As we do: what was sealed for one session says nothing about another person's. */
  readonly subject: string;
  readonly refreshToken: string;
  /** When the provider last said yes, in seconds since the epoch. */
  readonly atSeconds: number;
}

/** A provider that is out of reach ends nobody's session for so long. */
const OUTAGE_SECONDS = 24 * 3_600;

/** Seals grants, for the record of a session that is opened. */
export interface GrantSeal {
  seal(grant: Omit<Grant, "atSeconds">): Promise<string>;
}

/** Prepares both ends: sealing at the sign-in, asking at rotations. */
export function createProviderRecheck(
  { providers, hmacKeys, clock, onOutage }: {
    readonly providers: ReadonlyMap<string, SignInProvider>;
    readonly hmacKeys: readonly CryptoKey[];
    readonly clock: Clock;
    /** A provider could not be asked; `reason` is for the log. */
    readonly onOutage: (reason: string) => void;
  },
): GrantSeal & { readonly recheck: RecheckSealed } {
  const grants: Seal = createSeal(hmacKeys, "provider grant");
  const nowSeconds = () => Math.floor(clock() / 1000);
  const sealGrant = (grant: Grant) => grants.seal({ ...grant });

  async function refused(reason: string): Promise<SealedOutcome> {
    return await Promise.resolve({ kind: "refused", reason });
  }

  return {
    seal: (grant) => sealGrant({ ...grant, atSeconds: nowSeconds() }),

    async recheck({ subject, claims: held }, sealed, context) {
      const grant = readGrant(await grants.open(sealed));
      // Sealed with a key that has left the ring: nobody can ask any more.
      if (grant === null || grant.subject !== subject) {
        return await refused("the grant is not readable");
      }
      const provider = providers.get(grant.provider);
      if (provider === undefined || !provider.rechecks) {
        return { kind: "welcome", claims: null, sealed: null };
      }
      const outcome = await provider.oidc.refresh(grant.refreshToken, grant.sub, context);
      switch (outcome.kind) {
        case "welcome": {
          const next = await sealGrant({
            ...grant,
            refreshToken: outcome.refreshToken,
            atSeconds: nowSeconds(),
          });
          if (outcome.claims === null) return { kind: "welcome", claims: null, sealed: next };
          const admission = provider.admit(outcome.claims);
          if (admission.kind === "refused") return await refused(admission.code);
          if (admission.subject !== subject) return await refused("another subject");
          // How and when somebody signed in is not changed by asking about them.
          const claims = { ...contextOf(held), ...admission.claims };
          return { kind: "welcome", claims, sealed: next };
        }
        case "refused":
          // Only this says that the person may not stay; the rest is about us, or about today.
          if (outcome.error === "invalid_grant") return await refused(outcome.reason);
          break;
        case "untrusted":
        case "unavailable":
          break;
      }
      const reason = `${grant.provider}: ${outcome.reason}`;
      onOutage(reason);
      return nowSeconds() - grant.atSeconds <= OUTAGE_SECONDS
        ? { kind: "welcome", claims: null, sealed }
        : { kind: "unavailable", reason };
    },
  };
}

/** What a later answer of the provider may leave out. */
function contextOf({ acr, auth_time: authTime }: SubjectClaims): SubjectClaims {
  return {
    ...(acr === undefined ? {} : { acr }),
    ...(authTime === undefined ? {} : { auth_time: authTime }),
  };
}

function readGrant(value: JsonValue | null): Grant | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { provider, sub, subject, refreshToken, atSeconds } = value as Record<string, JsonValue>;
  if (typeof provider !== "string" || typeof sub !== "string" || typeof subject !== "string") {
    return null;
  }
  if (typeof refreshToken !== "string" || typeof atSeconds !== "number") return null;
  return { provider, sub, subject, refreshToken, atSeconds };
}
