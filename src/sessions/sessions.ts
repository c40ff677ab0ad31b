/**
 * The life of a session: opened at sign-in, kept by rotation, ended by
 * revocation. All decisions are the store's; this module gives them names and
 * makes them hold on this instance at once.
 *
 * @module
 */
import { v4, v7 } from "uuid";
import type { Clock } from "../clock.ts";
import type { GatewayConfig } from "../config/config.ts";
import type {
  Revocation,
  SessionRecord,
  SessionStore,
  SubjectClaims,
  TokenGeneration,
  TokenStatus,
} from "../store/port.ts";
import type { TokenFailure, VerifiedToken } from "../tokens/claims.ts";
import type { MintPair, TokenPair } from "../tokens/mint.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import type { RevocationView } from "./revocation_view.ts";

/** A session together with the pair that was just minted for it. */
export interface SignedIn {
  readonly session: SessionRecord;
  readonly pair: TokenPair;
}

/** The device at the other end, as far as it says. */
export interface ClientDevice {
  readonly userAgent: string;
  readonly ip: string;
}

/** What became of a refresh token. */
export type RefreshOutcome =
  | { readonly kind: "refreshed"; readonly replayed: boolean; readonly signedIn: SignedIn }
  | { readonly kind: "invalid"; readonly failure: TokenFailure }
  | { readonly kind: "expired" }
  | { readonly kind: "reused"; readonly subject: string; readonly sid: string }
  | { readonly kind: "revoked"; readonly sid: string };

/** Opens, keeps and ends sessions. Every method may throw `StoreUnavailableError`. */
export interface Sessions {
  open(subject: string, claims: SubjectClaims, device: ClientDevice): Promise<SignedIn>;
  /** Exchanges a refresh token for a new pair. */
  refresh(refreshToken: string): Promise<RefreshOutcome>;
  /** Ends the session of a token that was verified. */
  end(token: Pick<VerifiedToken, "sid" | "subject">): Promise<void>;
  /** Ends one of the subject's own sessions; `false` when there is no such session. */
  endOwn(subject: string, sid: string): Promise<boolean>;
  /** Ends every session of a subject. */
  endAll(subject: string): Promise<void>;
  /** Ends a single access token. */
  endToken(token: VerifiedToken): Promise<void>;
  /** Asks the store, past the view, whether a token stands. */
  status(token: VerifiedToken): Promise<TokenStatus>;
  read(sid: string): Promise<SessionRecord | null>;
  list(subject: string): Promise<readonly SessionRecord[]>;
}

/** The longest `User-Agent` kept for the device list. */
const MAX_USER_AGENT = 256;

/** Puts the session operations together. */
export function createSessions(options: {
  readonly store: SessionStore;
  readonly view: RevocationView;
  readonly verifier: TokenVerifier;
  readonly mintPair: MintPair;
  readonly clock: Clock;
  readonly config: GatewayConfig["tokens"];
}): Sessions {
  const { store, view, verifier, mintPair, clock, config } = options;

  /** How long an access token minted just now could still be shown to somebody. */
  const denyForMs = (config.accessTtlSeconds + 2 * config.clockToleranceSeconds + 1) * 1000;
  const rememberForMs = (Math.max(config.refreshTtlSeconds, config.accessTtlSeconds) +
    2 * config.clockToleranceSeconds + 1) * 1000;

  function revokedHere(revocation: Revocation): void {
    view.apply(revocation);
  }

  function nextGeneration(capSeconds: number): TokenGeneration {
    const issuedAtSeconds = Math.floor(clock() / 1000);
    return {
      refreshJti: v4(),
      accessJti: v4(),
      issuedAtSeconds,
      refreshExpiresAtSeconds: Math.min(issuedAtSeconds + config.refreshTtlSeconds, capSeconds),
    };
  }

  async function open(
    subject: string,
    claims: SubjectClaims,
    device: ClientDevice,
  ): Promise<SignedIn> {
    let createdAtMs = clock();
    for (;;) {
      const capSeconds = Math.floor(createdAtMs / 1000) + config.sessionMaxAgeSeconds;
      const session = {
        sid: v7({ msecs: createdAtMs }),
        subject,
        claims,
        createdAtMs,
        capSeconds,
        userAgent: device.userAgent.slice(0, MAX_USER_AGENT),
        ip: device.ip,
        current: nextGeneration(capSeconds),
      };
      const record = { ...session, lastSeenAtMs: createdAtMs };
      // Minted before the session is recorded: what can not be minted leaves no trace.
      const pair = await mintPair(record, session.current);
      const outcome = await store.open(session);
      if (outcome.kind === "opened") return { session: record, pair };
      // "Sign out everywhere" in this very millisecond, or by a clock that runs ahead of ours.
      createdAtMs = outcome.notAfterMs + 1;
    }
  }

  async function refresh(refreshToken: string): Promise<RefreshOutcome> {
    const token = await verifier.verify(refreshToken, "refresh");
    if (typeof token === "string") {
      return token === "expired" ? { kind: "expired" } : { kind: "invalid", failure: token };
    }
    const { sid, subject } = token;
    const outcome = await store.rotate({
      sid,
      subject,
      presentedJti: token.jti,
      next: nextGeneration(Number.MAX_SAFE_INTEGER),
      graceMs: config.rotationGraceMs,
      denyForMs,
    });
    switch (outcome.kind) {
      case "rotated":
      case "replayed": {
        const { session, generation } = outcome;
        const pair = await mintPair(session, generation);
        return {
          kind: "refreshed",
          replayed: outcome.kind === "replayed",
          signedIn: { session, pair },
        };
      }
      case "reused":
        revokedHere({ kind: "session", sid, untilMs: clock() + denyForMs });
        return { kind: "reused", subject, sid };
      case "revoked":
        return { kind: "revoked", sid };
      case "unknown":
        return { kind: "expired" };
    }
  }

  async function revokeSession(
    sid: string,
    subject: string,
    mustExist: boolean,
  ): Promise<boolean> {
    const outcome = await store.revokeSession({ sid, subject, denyForMs, mustExist });
    if (outcome === "not_found" && mustExist) return false;
    revokedHere({ kind: "session", sid, untilMs: clock() + denyForMs });
    return outcome === "revoked";
  }

  return {
    open,
    refresh,
    async end({ sid, subject }) {
      await revokeSession(sid, subject, false);
    },
    endOwn: (subject, sid) => revokeSession(sid, subject, true),
    async endAll(subject) {
      const { notAfterMs } = await store.revokeSubject({ subject, denyForMs, rememberForMs });
      revokedHere({ kind: "subject", subject, notAfterMs, untilMs: clock() + denyForMs });
    },
    async endToken(token) {
      const untilMs = (token.expiresAtSeconds + 2 * config.clockToleranceSeconds + 1) * 1000;
      await store.revokeToken({ jti: token.jti, untilMs });
      revokedHere({ kind: "token", jti: token.jti, untilMs });
    },
    status: ({ sid, subject, jti }) => store.tokenStatus({ sid, subject, jti }),
    read: (sid) => store.readSession(sid),
    list: (subject) => store.listSessions(subject),
  };
}
