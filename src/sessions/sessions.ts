/**
 * The life of a session: opened at sign-in, kept by rotation, ended by
 * revocation. All decisions are the store's; this module gives them names and
 * makes them hold on this instance at once.
 *
 * @module
 */
import { v4, v7 } from "uuid";
import type { Clock } from "../base/clock.ts";
import type { SubjectClaims } from "../base/json.ts";
import type { ClientDevice, Presenter } from "../base/presenter.ts";
import type { SessionRecord, TokenGeneration } from "../base/session.ts";
import type { Recheck } from "../identity/recheck.ts";
import type { VerifyElsewhere } from "../identity/verify_elsewhere.ts";
import type { Revocation, SessionStore, TokenStatus } from "../store/port.ts";
import type { TokenFailure, VerifiedToken } from "../tokens/claims.ts";
import type { MintPair, TokenPair } from "../tokens/mint.ts";
import type { TokenOptions } from "../tokens/options.ts";
import type { TokenVerifier } from "../tokens/verify.ts";
import type { RevocationView } from "./revocation_view.ts";

/** A session together with the pair that was just minted for it. */
export interface SignedIn {
  readonly session: SessionRecord;
  readonly pair: TokenPair;
}

/** What became of a refresh token. */
export type RefreshOutcome =
  | { readonly kind: "refreshed"; readonly replayed: boolean; readonly signedIn: SignedIn }
  | { readonly kind: "invalid"; readonly failure: TokenFailure }
  | { readonly kind: "expired" }
  | { readonly kind: "reused"; readonly subject: string; readonly sid: string }
  | { readonly kind: "revoked"; readonly sid: string }
  /** The backend does not know the subject any more (`identity.recheck`): the session is revoked. */
  | { readonly kind: "refused"; readonly subject: string; readonly sid: string }
  /** The backend could not be asked; nothing has happened, and the token is good for another try. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** Opens, keeps and ends sessions. Every method may throw `StoreUnavailableError`. */
export interface Sessions {
  open(subject: string, claims: SubjectClaims, device: ClientDevice): Promise<SignedIn>;
  /** Exchanges a refresh token for a new pair. */
  refresh(refreshToken: string, presenter: Presenter): Promise<RefreshOutcome>;
  /** Ends the session of a token that was verified. */
  end(token: VerifiedToken): Promise<void>;
  /** Ends a session that was just opened, before anybody got its tokens. */
  discard(session: SessionRecord): Promise<void>;
  /** Ends one of the subject's own sessions; `false` when there is no such session. */
  endOwn(subject: string, sid: string): Promise<boolean>;
  /** Ends every session of a subject. */
  endAll(subject: string): Promise<void>;
  /** Ends a single access token. */
  endToken(token: VerifiedToken): Promise<void>;
  /** Asks the store, past the view, whether an access token stands. */
  status(token: VerifiedToken): Promise<TokenStatus>;
  /** Whether a refresh token, good by itself, has been revoked, or spent by rotation. */
  isSpent(token: VerifiedToken): Promise<boolean>;
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
  readonly config: TokenOptions;
  /** Asked at each rotation. */
  readonly recheck: Recheck | null;
  /** Asked once for each refresh token from before Postern. */
  readonly verifyElsewhere: VerifyElsewhere | null;
}): Sessions {
  const { store, view, verifier, mintPair, clock, config, recheck, verifyElsewhere } = options;

  /** How long an access token signed just now could still be shown to somebody. */
  const longestAccessSeconds = config.legacy === null
    ? config.accessTtlSeconds
    // How long Django let its access tokens live is not known here.
    : Math.max(config.accessTtlSeconds, config.refreshTtlSeconds);
  const denyForMs = (longestAccessSeconds + 2 * config.clockToleranceSeconds + 1) * 1000;
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

  /**
   * Makes a refresh token from before Postern the first of a family, once. What
   * `rotate` then says of it, it says of every family: one successor for all
   * who ask at once, the same again in the grace window, reuse after that.
   */
  async function adopt(
    refreshToken: string,
    token: VerifiedToken,
    presenter: Presenter,
  ): Promise<RefreshOutcome | null> {
    const { sid, subject, jti } = token;
    const status = await store.tokenStatus({ sid, subject, jti });
    if (status === "revoked") return null;
    if (status === "unknown") {
      const answer = await verifyElsewhere?.(refreshToken, presenter);
      if (answer?.kind === "unavailable") return answer;
      if (answer?.kind === "refused") return { kind: "revoked", sid };
      const nowSeconds = Math.floor(clock() / 1000);
      const opened = await store.open({
        sid,
        subject,
        claims: token.claims,
        createdAtMs: token.sessionCreatedAtMs,
        capSeconds: nowSeconds + config.sessionMaxAgeSeconds,
        userAgent: presenter.device.userAgent.slice(0, MAX_USER_AGENT),
        ip: presenter.device.ip,
        current: {
          refreshJti: jti,
          accessJti: v4(),
          issuedAtSeconds: Math.floor(token.issuedAtSeconds),
          refreshExpiresAtSeconds: Math.floor(token.expiresAtSeconds),
        },
      });
      // "Sign out everywhere" since it was signed.
      if (opened.kind === "superseded") return { kind: "revoked", sid };
    }
    // Before it is spent, and again after a crash in between: nothing must leave it good for
    // a second family once the record of the first has gone.
    await endToken(token);
    return null;
  }

  async function endToken(token: VerifiedToken): Promise<void> {
    const untilMs = (token.expiresAtSeconds + 2 * config.clockToleranceSeconds + 1) * 1000;
    await store.revokeToken({ jti: token.jti, untilMs });
    revokedHere({ kind: "token", jti: token.jti, untilMs });
  }

  async function refresh(refreshToken: string, presenter: Presenter): Promise<RefreshOutcome> {
    const token = await verifier.verify(refreshToken, "refresh");
    if (typeof token === "string") {
      return token === "expired" ? { kind: "expired" } : { kind: "invalid", failure: token };
    }
    const { sid, subject } = token;
    if (token.isLegacy) {
      const refused = await adopt(refreshToken, token, presenter);
      if (refused !== null) return refused;
    }
    const checked = await recheck?.(subject, presenter);
    if (checked?.kind === "unavailable") return checked;
    if (checked?.kind === "refused") {
      await revokeSession(sid, subject, false);
      return { kind: "refused", subject, sid };
    }
    const claims = checked?.claims ?? null;
    const outcome = await store.rotate({
      sid,
      subject,
      presentedJti: token.jti,
      next: nextGeneration(Number.MAX_SAFE_INTEGER),
      graceMs: config.rotationGraceMs,
      denyForMs,
      ...(claims === null ? {} : { claims }),
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
        return token.isLegacy ? { kind: "revoked", sid } : { kind: "expired" };
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
    async end(token) {
      // Nothing but its `jti` keeps a token from before Postern from being adopted.
      if (token.isLegacy) await endToken(token);
      await revokeSession(token.sid, token.subject, false);
    },
    async discard({ sid, subject }) {
      await revokeSession(sid, subject, false);
    },
    endOwn: (subject, sid) => revokeSession(sid, subject, true),
    async endAll(subject) {
      const { notAfterMs } = await store.revokeSubject({ subject, denyForMs, rememberForMs });
      revokedHere({ kind: "subject", subject, notAfterMs, untilMs: clock() + denyForMs });
    },
    endToken,
    async status({ sid, subject, jti, isLegacy }) {
      const status = await store.tokenStatus({ sid, subject, jti });
      // The session of an access token from before Postern is nowhere recorded.
      return status === "unknown" && isLegacy ? "live" : status;
    },
    async isSpent({ sid, subject, jti, isLegacy }) {
      if (isLegacy) return await store.tokenStatus({ sid, subject, jti }) === "revoked";
      const session = await store.readSession(sid);
      return session === null || session.current.refreshJti !== jti;
    },
    read: (sid) => store.readSession(sid),
    list: (subject) => store.listSessions(subject),
  };
}
