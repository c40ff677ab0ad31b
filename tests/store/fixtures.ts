/**
 * Sessions, generations and rotations for the store's tests.
 *
 * @module
 */
import { v4, v7 } from "uuid";
import type { Clock } from "../../src/base/clock.ts";
import type { SessionRecord, TokenGeneration } from "../../src/base/session.ts";
import type { NewSession, Rotation, SessionStore } from "../../src/store/port.ts";

export const GRACE_MS = 10_000;
export const DENY_FOR_MS = 30 * 60_000;
export const REFRESH_TTL_SECONDS = 30 * 86_400;
export const MAX_AGE_SECONDS = 90 * 86_400;
export const REMEMBER_FOR_MS = (REFRESH_TTL_SECONDS + 60) * 1000;

/** A generation that is issued now. */
export function generation(
  clock: Clock,
  overrides: Partial<TokenGeneration> = {},
): TokenGeneration {
  const issuedAtSeconds = Math.floor(clock() / 1000);
  return {
    refreshJti: v4(),
    accessJti: v4(),
    issuedAtSeconds,
    refreshExpiresAtSeconds: issuedAtSeconds + REFRESH_TTL_SECONDS,
    ...overrides,
  };
}

/** A sign-in that happens now. */
export function newSession(clock: Clock, overrides: Partial<NewSession> = {}): NewSession {
  const createdAtMs = overrides.createdAtMs ?? clock();
  return {
    sid: v7({ msecs: createdAtMs }),
    subject: "alice",
    claims: { scope: "read write", roles: ["admin", 7, null, { deep: true }] },
    createdAtMs,
    capSeconds: Math.floor(createdAtMs / 1000) + MAX_AGE_SECONDS,
    userAgent: "Mozilla/5.0 (X11; Linux) “Ünïcode” 😀",
    ip: "2001:db8::7",
    current: generation(clock),
    ...overrides,
  };
}

/** An exchange of the session's live refresh token. */
export function rotationOf(
  clock: Clock,
  session: NewSession | SessionRecord,
  overrides: Partial<Rotation> = {},
): Rotation {
  return {
    sid: session.sid,
    subject: session.subject,
    presentedJti: session.current.refreshJti,
    next: generation(clock),
    graceMs: GRACE_MS,
    denyForMs: DENY_FOR_MS,
    ...overrides,
  };
}

/** Signs in and returns the session as the store keeps it. */
export async function openSession(
  store: SessionStore,
  clock: Clock,
  overrides: Partial<NewSession> = {},
): Promise<SessionRecord> {
  const session = newSession(clock, overrides);
  const outcome = await store.open(session);
  if (outcome.kind !== "opened") throw new Error(`sign-in was ${outcome.kind}`);
  return { ...session, lastSeenAtMs: session.createdAtMs };
}

/** Rotates the session's live token, which must succeed, and returns the session afterwards. */
export async function rotateOnce(
  store: SessionStore,
  clock: Clock,
  session: SessionRecord,
  overrides: Partial<Rotation> = {},
): Promise<SessionRecord> {
  const outcome = await store.rotate(rotationOf(clock, session, overrides));
  if (outcome.kind !== "rotated") throw new Error(`rotation was ${outcome.kind}`);
  return outcome.session;
}
