/**
 * What the life of a session is made of.
 *
 * @module
 */
import { v4 } from "uuid";
import type { Clock } from "../base/clock.ts";
import type { TokenGeneration } from "../base/session.ts";
import type { Recheck } from "../identity/recheck.ts";
import type { VerifyElsewhere } from "../identity/verify_elsewhere.ts";
import type { SessionStore } from "../store/port.ts";
import type { NameGroup } from "../tokens/groups.ts";
import type { MintPair } from "../tokens/mint.ts";
import type { TokenOptions } from "../tokens/options.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import type { RecheckSealed } from "./recheck.ts";
import type { RevocationView } from "./revocation_view.ts";

/** Parts that sessions are put together from. */
export interface SessionParts {
  readonly store: SessionStore;
  readonly view: RevocationView;
  readonly verifier: TokenVerifier;
  readonly mintPair: MintPair;
  readonly clock: Clock;
  readonly config: TokenOptions;
  /** Asked at each rotation. */
  readonly recheck: Recheck | null;
  /** Asks with what a session record has sealed, at each rotation; `null`: nothing ever is. */
  readonly recheckSealed: RecheckSealed | null;
  /** Asked once for each refresh token from before Postern. */
  readonly verifyElsewhere: VerifyElsewhere | null;
}

/** {@link SessionParts} and what is made of the settings once. */
export interface PreparedParts extends SessionParts {
  readonly denyForMs: number;
  readonly rememberForMs: number;
  readonly nameGroup: NameGroup;
}

/** The longest `User-Agent` kept for the device list. */
const MAX_USER_AGENT = 256;

/** What is kept of a device. */
export function keptOf({ userAgent, ip }: { readonly userAgent: string; readonly ip: string }) {
  return { userAgent: userAgent.slice(0, MAX_USER_AGENT), ip };
}

/** A generation that is issued now; the store caps it at the session's cap. */
export function nextGeneration(
  { clock, config }: Pick<SessionParts, "clock" | "config">,
  capSeconds = Number.MAX_SAFE_INTEGER,
): TokenGeneration {
  const issuedAtSeconds = Math.floor(clock() / 1000);
  const refreshExpiresAtSeconds = Math.min(issuedAtSeconds + config.refreshTtlSeconds, capSeconds);
  return {
    refreshJti: v4(),
    accessJti: v4(),
    issuedAtSeconds,
    accessExpiresAtSeconds: Math.min(
      issuedAtSeconds + config.accessTtlSeconds,
      refreshExpiresAtSeconds,
    ),
    refreshExpiresAtSeconds,
  };
}
